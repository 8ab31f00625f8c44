//! Papers: a device of a person whose seed is words. Somebody comes back by one when all other devices are
//! gone, and revokes it afterwards, or not.

use nahtlos_client::ClientError;
use nahtlos_client::ending::Reason;
use nahtlos_client::paper::words;
use nahtlos_protocol::wire::paper::PaperText;

use super::errand::Errand;
use super::world::World;

/// How often somebody tries on a line that breaks.
const TRIES: u32 = 3;
const PAPER_SEEN: (Reason, &str) = (Reason::Compromised, "a paper revoked");

impl World {
    /// A paper is made; or whoever has one loses all devices and comes back by it.
    pub(super) fn make_or_use_paper(&mut self) {
        let owners: Vec<String> = self.people.as_ref().map_or_else(Vec::new, |people| {
            let papers = people.papers.iter();
            papers
                .map(|(place, _)| self.devices[*place].owner.clone())
                .collect()
        });
        let owner = self.chance.one_of(&owners).cloned();
        match owner.filter(|_| self.chance.percent(60)) {
            Some(owner) => {
                if self.loses() && self.chance.percent(70) {
                    for device in self.enrolled_of(&owner) {
                        self.lose(device);
                    }
                }
                self.come_back_by_paper(&owner);
            }
            None => {
                if let Some(device) = self.somebody_enrolled() {
                    self.make_paper_of(device);
                }
            }
        }
    }

    pub(super) fn make_paper_of(&mut self, device: usize) {
        let owner = self.devices[device].owner.clone();
        let listed = self.act(device, "paper: is made", |replica| {
            let paper = replica.draw_paper()?;
            replica.list_paper(&paper, "Paper")?;
            Ok(paper)
        });
        let Some(paper) = listed else {
            return;
        };
        let seed = words::read(&paper.words().join(" "), &paper.text().device);
        let Ok(seed) = seed else {
            self.fail("the words of a paper are not its words");
            return;
        };
        let place = self.add_seed(&format!("the paper of {owner}"), &owner, seed);
        if let Some(people) = &mut self.people {
            people.papers.push((place, paper));
        }
        self.count_done("a paper made");
        self.sync(device, 0);
    }

    /// Somebody comes back by a paper of theirs, with a new device; its place, where they are back.
    pub(super) fn come_back_by_paper(&mut self, owner: &str) -> Option<usize> {
        let (paper, text) = self.paper_of(owner)?;
        if !self.takes_a_further_home() {
            return None;
        }
        let joiner = self.further_home(owner)?;
        let is_back = (0..TRIES).any(|_| self.restore_by(joiner, paper, &text));
        if !is_back {
            return None;
        }
        self.count_done("back by a paper");
        if self.chance.percent(40) && self.end_device(joiner, paper, PAPER_SEEN) {
            self.sync(joiner, 0);
            self.expect_paper_to_be_refused(paper, owner, &text);
        }
        Some(joiner)
    }

    fn paper_of(&self, owner: &str) -> Option<(usize, PaperText)> {
        let papers = &self.people.as_ref()?.papers;
        let mut own = papers
            .iter()
            .filter(|(place, _)| self.devices[*place].owner == owner);
        own.next_back()
            .map(|(place, paper)| (*place, paper.text().clone()))
    }

    fn restore_by(&mut self, joiner: usize, paper: usize, text: &PaperText) -> bool {
        let code = self.try_paper(joiner, paper, text);
        let said = code.unwrap_or("back");
        let name = self.devices[joiner].name.clone();
        self.story
            .tell(format!("{name} is restored by a paper: {said}"));
        self.coverage.count(format!("paper: {said}"));
        code.is_none() && self.is_enrolled(joiner)
    }

    /// Why it does not work; none where it does.
    fn try_paper(&mut self, joiner: usize, paper: usize, text: &PaperText) -> Option<&'static str> {
        let seed = self.devices[paper].seed.clone()?;
        let mut replica = self.devices[joiner].replica.take()?;
        let home = self.devices[joiner].home.clone();
        let mut line = Errand {
            world: self,
            device: joiner,
            borrowed: paper,
        };
        let back = replica.restore_by_paper(&home, &seed, text, "restored", &mut line, &mut |_| {});
        drop(line);
        let code = back.as_ref().err().map(ClientError::code);
        let taken = self.took(joiner, "restore by paper", &mut replica, back);
        self.put_back(joiner, replica);
        if taken.is_some() {
            self.settle_knowledge(joiner);
        } else {
            self.settle_what_was_stored(joiner);
        }
        code
    }

    /// A relay that heard of a paper's end lets nobody back by it.
    fn expect_paper_to_be_refused(&mut self, paper: usize, owner: &str, text: &PaperText) {
        let id = self.device_ids[paper];
        let Some(model) = self.present_model() else {
            return;
        };
        if !model.has_ended(&id) || !self.takes_a_further_home() {
            return;
        }
        let Some(joiner) = self.further_home(owner) else {
            return;
        };
        if self.restore_by(joiner, paper, text) && self.devices[joiner].relay == 0 {
            self.fail(format!("somebody came back by {owner}'s revoked paper"));
        }
        self.count_done("a revoked paper tried");
    }
}
