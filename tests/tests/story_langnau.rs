//! Story S1, an offline round table in Langnau, through the real programs: one relay process, one
//! home for each of four institutions, sockets and files.

#[path = "story_langnau/consent.rs"]
mod consent;
#[path = "story_langnau/enquiry.rs"]
mod enquiry;
#[path = "story_langnau/meeting.rs"]
mod meeting;
#[path = "story_langnau/offline.rs"]
mod offline;
#[path = "story_langnau/plan_version.rs"]
mod plan_version;
#[path = "story_langnau/scene.rs"]
mod scene;
#[path = "story_langnau/secrecy.rs"]
mod secrecy;
mod story;

use scene::Langnau;
use scene::Who::{self, Berger, Iseli, Keller, Sommer};
use story::line::Moment;

/// The round table: offline edits, two rounds of syncs in this order, a relay that is killed in
/// the middle of the second, and what everybody sees then and after Berger has decided.
fn round_table(order: [Who; 4], moment: Moment) {
    let mut story = Langnau::begin();
    consent::assert_function_is_not_for_social_aid(&story);
    story.assert_each_opens_its_own();
    meeting::call(&mut story);
    story.assert_each_opens_its_own();
    meeting::hold(&story);
    let targets = story.edit_offline();
    offline::assert_nobody_saw_anything_yet(&story);

    story.sync(&order);
    let note = "Telefon mit dem Pflegeheim Lindenhof.";
    story.sync(&order[..2]);
    story.kill_the_relay_while(order[2], moment, note);
    story.sync(&order[2..]);
    story.sync(&order);

    story.assert_all_agree();
    meeting::assert_all_have_it(&story);
    for who in Who::ALL {
        assert_eq!(story.entries(who, note), 1, "{who:?}");
    }
    assert_eq!(
        story.view(Sommer, "plan")["goals"][0]["statement"],
        targets.merged()
    );
    let conflicts = story.conflicts(Berger);
    let found = targets.assert_are_these(&conflicts);
    for who in [Iseli, Sommer, Keller] {
        assert_eq!(story.conflicts(who), conflicts, "{who:?}");
    }
    offline::assert_people_are_told(&story, &found);
    story.assert_each_opens_its_own();

    offline::settle(&story, &conflicts, &found);
    offline::assert_all_settled(&story, &targets);
    meeting::close(&story);
    offline::assert_only_a_payer_approves(&story, &targets);
    plan_version::sign_and_change(&story, &targets);
    story.assert_everything_is_sound();
    story.assert_nothing_stands_in_clear(&[
        note,
        enquiry::FACT,
        enquiry::ANSWER,
        meeting::BY_BERGER,
        meeting::BY_ISELI,
        meeting::DECISION,
    ]);
}

#[test]
fn four_devices_agree_when_coach_lead_social_aid_and_iv_sync_in_this_order() {
    round_table([Keller, Berger, Sommer, Iseli], Moment::Answer(1));
}

#[test]
fn four_devices_agree_when_they_sync_the_other_way_round() {
    round_table([Iseli, Sommer, Berger, Keller], Moment::HalfOfARequest);
}

#[test]
fn four_devices_agree_when_the_lead_syncs_last() {
    round_table([Sommer, Iseli, Keller, Berger], Moment::Answer(2));
}
