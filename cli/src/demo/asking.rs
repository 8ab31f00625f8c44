//! Before there is a case: an anonymous enquiry to two institutions, and their answers.

use nahtlos_casework::edit::ScalarValue;
use nahtlos_client::enquiry::{EnquiryState, EnquiryValues};
use nahtlos_protocol::identifier::SpaceId;

use super::DemoError;
use super::narrator::Narrator;
use super::story::sync_until_quiet;
use super::world::{Who, World};

/// What is known about somebody without a name.
const FACTS: [(&str, &str); 6] = [
    ("question", "joint"),
    ("age", "35_49"),
    ("permit", "swiss"),
    ("work", "unemployed"),
    ("psychic", "2"),
    ("qualification", "1"),
];

/// What the two institutions answer.
const ANSWERS: [(Who, &str); 2] = [
    (
        Who::Iseli,
        "Anmeldung ist offen, wir kommen an den runden Tisch.",
    ),
    (Who::Sommer, "Ergänzende Hilfe ist möglich, wir sind dabei."),
];

/// Asks and answers. Gives the spaces of the enquiries, with who was asked.
///
/// # Errors
/// [`DemoError`].
pub fn tell(
    world: &mut World,
    narrator: &mut Narrator<'_>,
) -> Result<Vec<(Who, SpaceId)>, DemoError> {
    narrator.step("Berger asks two institutions first, without a name")?;
    for (who, _) in ANSWERS {
        let berger = &mut world.home(Who::Berger)?.nahtlos;
        let team = berger.directory()?.find_team(&who.team())?;
        berger.send_enquiry(&team, values(&FACTS))?;
    }
    sync_until_quiet(world, &mut 0)?;
    let shown = FACTS.map(|(field, code)| format!("{field} {code}"));
    narrator.say(format!("The enquiry: {}.", shown.join(", ")))?;
    let mut each_has_one = true;
    for (who, text) in ANSWERS {
        let home = world.home(who)?;
        let enquiries = home.nahtlos.enquiries()?;
        each_has_one &= enquiries.len() == 1;
        for enquiry in &enquiries {
            let answer = [("answer", "accept"), ("text", text)];
            home.nahtlos.answer_enquiry(enquiry, values(&answer))?;
        }
        narrator.say(format!("{}: accepts. \"{text}\"", who.name()))?;
    }
    sync_until_quiet(world, &mut 0)?;
    let berger = &world.home(Who::Berger)?.nahtlos;
    let enquiries = berger.enquiries()?;
    let answered = enquiries.iter().filter(|enquiry| {
        enquiry.state == EnquiryState::Sent && enquiry.content.answers.len() == 1
    });
    let answered = answered.count();
    narrator.claim(
        "Both have answered, and each sees the enquiry to itself alone.",
        answered == ANSWERS.len() && each_has_one,
    )?;
    // An enquiry is listed nowhere among the cases.
    let mut cases = 0;
    for home in &world.homes {
        cases += home.nahtlos.cases()?.len();
    }
    narrator.claim(
        "No device has a case yet, and so no name has left anybody's.",
        cases == 0,
    )?;
    let berger = &world.home(Who::Berger)?.nahtlos;
    let mut spaces = Vec::new();
    for enquiry in &enquiries {
        let asked = Who::ALL.into_iter().find(|who| {
            let to = enquiry.to.as_deref().unwrap_or_default();
            to.starts_with(&who.team())
        });
        let case = berger.find_case(&enquiry.id)?;
        let space = case.section(&nahtlos_casework::SectionKind::Enquiry)?;
        spaces.extend(asked.map(|who| (who, space)));
    }
    Ok(spaces)
}

fn values(fields: &[(&str, &str)]) -> EnquiryValues {
    let text = |text: &str| ScalarValue::Text(text.to_owned());
    let fields = fields.iter();
    fields
        .map(|(field, value)| ((*field).to_owned(), text(value)))
        .collect()
}
