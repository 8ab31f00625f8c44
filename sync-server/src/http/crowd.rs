//! Who is connected: how many at once, how many of one address, and who has to go where there are
//! too many.
//!
//! A connection that waits for a request costs its holder nothing, so it is no claim to a place: the
//! one that has waited longest makes room for a new one. One that is being answered never does.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::config::Limits;
use crate::metrics::Metrics;

/// Connections that were told to go and have not gone yet. They end as soon as they are looked at,
/// but until then each has its file, and new ones may come faster.
const LEAVING_MAX: usize = 16;

/// The open connections of one listener.
#[derive(Clone)]
pub(crate) struct Crowd(Arc<Shared>);

struct Shared {
    connections_max: usize,
    per_address_max: usize,
    inside: Mutex<Inside>,
    /// Told when a connection has ended, or begins to wait.
    changed: Notify,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Inside {
    /// Those told to go count no more.
    counted: usize,
    /// All of them.
    open: usize,
    by_address: HashMap<IpAddr, usize>,
    /// Who waits for a request, the longest first.
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
}

struct Waiting {
    address: IpAddr,
    place: Arc<PlaceState>,
}

/// One connection's place; given back when it is dropped.
pub(super) struct Place {
    crowd: Crowd,
    state: Arc<PlaceState>,
}

struct PlaceState {
    address: IpAddr,
    told_to_go: Notify,
    inner: Mutex<PlaceInner>,
}

#[derive(Default)]
struct PlaceInner {
    /// Its number among those who wait.
    waiting: Option<u64>,
    is_evicted: bool,
}

/// A connection that is being answered: nobody takes its place until this is dropped.
pub(crate) struct Busy {
    crowd: Crowd,
    state: Arc<PlaceState>,
}

impl Crowd {
    pub(crate) fn new(limits: &Limits, metrics: Arc<Metrics>) -> Self {
        let connections_max = limits.connections_max.max(1) as usize;
        let per_address = limits.connections_per_address_max;
        Self(Arc::new(Shared {
            connections_max,
            per_address_max: per_address.map_or(connections_max, |most| most.max(1) as usize),
            inside: Mutex::default(),
            changed: Notify::new(),
            metrics,
        }))
    }

    /// Waits until a connection may be accepted.
    pub(super) async fn room(&self) {
        loop {
            let changed = self.0.changed.notified();
            {
                let inside = self.inside();
                let connections_max = self.0.connections_max;
                let has_place = inside.counted < connections_max || !inside.waiting.is_empty();
                if has_place && inside.open < connections_max.saturating_add(LEAVING_MAX) {
                    return;
                }
            }
            changed.await;
        }
    }

    /// A place for a new connection, if need be in another's stead; none where its address has all
    /// it may have, and all of them are being answered.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut inside = self.inside();
        let of_address = inside.by_address.get(&address).copied().unwrap_or(0);
        if of_address >= self.0.per_address_max && !inside.evict(Some(address)) {
            self.0.metrics.connection_refused();
            return None;
        }
        if inside.counted >= self.0.connections_max {
            // Nobody who is answered is sent away; `room` has seen that somebody waits.
            inside.evict(None);
        }
        inside.counted += 1;
        inside.open += 1;
        *inside.by_address.entry(address).or_default() += 1;
        let state = Arc::new(PlaceState {
            address,
            told_to_go: Notify::new(),
            inner: Mutex::default(),
        });
        inside.wait(&state);
        drop(inside);
        self.0.metrics.connection_opened();
        Some(Place {
            crowd: self.clone(),
            state,
        })
    }

    /// Waits until the last connection has ended, but not for ever.
    pub(crate) async fn drained(&self, timeout: Duration) {
        let all_gone = async {
            loop {
                let changed = self.0.changed.notified();
                if self.inside().open == 0 {
                    return;
                }
                changed.await;
            }
        };
        if tokio::time::timeout(timeout, all_gone).await.is_err() {
            tracing::warn!("connections were cut off while stopping");
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        let inside = self.0.inside.lock();
        inside.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    /// Tells the connection that has waited longest to go, of one address or of all.
    fn evict(&mut self, address: Option<IpAddr>) -> bool {
        let mut waiting = self.waiting.iter();
        let longest = waiting.find(|(_, one)| address.is_none_or(|wanted| wanted == one.address));
        let Some(number) = longest.map(|(number, _)| *number) else {
            return false;
        };
        let Some(one) = self.waiting.remove(&number) else {
            return false;
        };
        let mut inner = one.place.inner();
        inner.waiting = None;
        inner.is_evicted = true;
        drop(inner);
        self.forget(one.address);
        one.place.told_to_go.notify_one();
        true
    }

    fn wait(&mut self, state: &Arc<PlaceState>) {
        let mut inner = state.inner();
        // One place waits once: an entry that was forgotten could be evicted after its connection ended.
        if inner.is_evicted || inner.waiting.is_some() {
            return;
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        inner.waiting = Some(number);
        drop(inner);
        self.waiting.insert(
            number,
            Waiting {
                address: state.address,
                place: Arc::clone(state),
            },
        );
    }

    fn stop_waiting(&mut self, state: &PlaceState) {
        if let Some(number) = state.inner().waiting.take() {
            self.waiting.remove(&number);
        }
    }

    /// One less that counts.
    fn forget(&mut self, address: IpAddr) {
        self.counted = self.counted.saturating_sub(1);
        if let Some(count) = self.by_address.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl PlaceState {
    fn inner(&self) -> MutexGuard<'_, PlaceInner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Returns when somebody else is to have this place.
    pub(super) async fn taken(&self) {
        self.state.told_to_go.notified().await;
    }

    /// Notes that a request has come.
    pub(super) fn busy(&self) -> Busy {
        self.crowd.inside().stop_waiting(&self.state);
        Busy {
            crowd: self.crowd.clone(),
            state: Arc::clone(&self.state),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // Also where the connection has ended: its place is given back after this, or was before.
        self.crowd.begin_waiting(&self.state);
    }
}

impl Crowd {
    fn begin_waiting(&self, state: &Arc<PlaceState>) {
        self.inside().wait(state);
        self.0.changed.notify_waiters();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside();
        inside.stop_waiting(&self.state);
        inside.open = inside.open.saturating_sub(1);
        let mut inner = self.state.inner();
        let counts = !inner.is_evicted;
        // A request of it may still be in work, and must not wait for another.
        inner.is_evicted = true;
        drop(inner);
        if counts {
            inside.forget(self.state.address);
        }
        drop(inside);
        self.crowd.0.metrics.connection_closed();
        self.crowd.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn crowd(connections_max: u32, per_address_max: u32) -> Crowd {
        let limits = Limits {
            connections_max,
            connections_per_address_max: Some(per_address_max),
            ..Limits::default()
        };
        Crowd::new(&limits, Arc::default())
    }

    fn is_told_to_go(place: &Place) -> bool {
        place.state.inner().is_evicted
    }

    #[test]
    fn who_has_waited_longest_makes_room_and_who_is_answered_does_not() {
        let crowd = crowd(2, 2);
        let first = crowd.enter(ONE).unwrap();
        let second = crowd.enter(ONE).unwrap();
        let answered = first.busy();
        let third = crowd.enter(OTHER).unwrap();
        assert!(!is_told_to_go(&first) && is_told_to_go(&second) && !is_told_to_go(&third));
        // Once it is answered it waits again, behind the third.
        drop(answered);
        let fourth = crowd.enter(OTHER).unwrap();
        assert!(!is_told_to_go(&first) && is_told_to_go(&third) && !is_told_to_go(&fourth));
        drop((first, second, third, fourth));
        let inside = crowd.inside();
        assert_eq!(
            (inside.open, inside.counted, inside.waiting.len()),
            (0, 0, 0)
        );
        assert!(inside.by_address.is_empty());
    }

    #[test]
    fn an_address_that_has_its_share_makes_room_itself_and_for_nobody_else_to_pay() {
        let crowd = crowd(10, 2);
        let bystander = crowd.enter(OTHER).unwrap();
        let places = [crowd.enter(ONE).unwrap(), crowd.enter(ONE).unwrap()];
        let third = crowd.enter(ONE).unwrap();
        assert!(is_told_to_go(&places[0]) && !is_told_to_go(&places[1]));
        assert!(!is_told_to_go(&bystander));
        let _answered = [places[1].busy(), third.busy()];
        assert!(crowd.enter(ONE).is_none(), "all of its share is in use");
        assert!(crowd.enter(OTHER).is_some());
    }

    #[test]
    fn where_all_are_being_answered_a_new_one_waits_until_one_of_them_is_done() {
        let crowd = crowd(2, 2);
        let places = [crowd.enter(ONE).unwrap(), crowd.enter(ONE).unwrap()];
        let [first, _second] = places.each_ref().map(Place::busy);
        let mut room = Box::pin(crowd.room());
        let mut context = Context::from_waker(Waker::noop());
        assert!(room.as_mut().poll(&mut context).is_pending());
        drop(first);
        assert!(room.as_mut().poll(&mut context).is_ready());
        let _third = crowd.enter(OTHER).unwrap();
        assert!(is_told_to_go(&places[0]) && !is_told_to_go(&places[1]));
    }

    #[test]
    fn where_new_ones_come_faster_than_those_told_to_go_are_gone_they_wait() {
        let crowd = crowd(2, 100);
        let mut context = Context::from_waker(Waker::noop());
        let mut places = Vec::new();
        for _ in 0..2 + LEAVING_MAX {
            let mut room = Box::pin(crowd.room());
            assert!(room.as_mut().poll(&mut context).is_ready());
            places.push(crowd.enter(ONE).unwrap());
        }
        let mut room = Box::pin(crowd.room());
        assert!(room.as_mut().poll(&mut context).is_pending());
        drop(places.remove(0));
        assert!(room.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn an_answer_that_outlives_its_connection_leaves_nothing_behind() {
        let crowd = crowd(2, 2);
        let place = crowd.enter(ONE).unwrap();
        let answered = place.busy();
        drop(place);
        drop(answered);
        let inside = crowd.inside();
        assert_eq!(
            (inside.open, inside.counted, inside.waiting.len()),
            (0, 0, 0)
        );
    }
}
