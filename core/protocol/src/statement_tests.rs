//! Who signed a statement, by the logs as they were then.

use super::*;
use crate::space::kind::Role;
use crate::space::tests::making::*;
use crate::space::tests::world::*;

const ENTRY: &str = "aebagbafaydqq";

fn fields() -> BTreeMap<String, String> {
    let fields = [("kind", "given"), ("form", "paper")];
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn statement(space: SpaceId, fields: &BTreeMap<String, String>) -> Statement<'_> {
    Statement {
        kind: StatementKind::ConsentEvent,
        space,
        entry: ENTRY,
        fields,
    }
}

/// The heads that a device names when it signs for an institution.
fn heads(world: &World, device: &TestDevice, institution: SpaceId) -> Vec<LogHead> {
    let state = &world.logs[&institution];
    let mut heads = authority::path_heads(&world.logs, &device.id, state);
    heads.extend(state.head().map(|head| (institution, head)));
    heads.into_values().collect()
}

fn sign(statement: &Statement<'_>, device: &TestDevice, heads: Vec<LogHead>) -> StatementSignature {
    statement.sign(device.id, &device.keys.signing, 1_000, heads)
}

#[test]
fn who_left_stays_the_signer_and_signs_nothing_afterwards() {
    let mut office = offices();
    let institution = office.one.institution;
    let bert = TestDevice::new(2);
    let person = office.world.person(&bert, institution);
    let fields = fields();
    let said = statement(office.section, &fields);
    // Before anybody let him in he could not sign, and these heads do not let him do it later.
    let before = heads(&office.world, &bert, institution);
    let grant = office
        .world
        .join(&office.a1, institution, person, Role::Read);
    let then = heads(&office.world, &bert, institution);
    let signed = sign(&said, &bert, then);
    let verify =
        |world: &World, signed: &StatementSignature| said.verify(signed, &institution, &world.logs);
    assert_eq!(verify(&office.world, &signed), Ok(()));
    let early = sign(&said, &bert, before);
    let refused = verify(&office.world, &early).unwrap_err();
    assert!(
        matches!(
            refused,
            StatementError::UnknownSigner | StatementError::NotOfTheInstitution
        ),
        "{refused}"
    );

    let out = draft([remove(grant)]);
    office.world.act(&office.a1, out, Some(institution));
    assert_eq!(verify(&office.world, &signed), Ok(()));
    let mut late = heads(&office.world, &office.a1, institution);
    late.extend(office.world.logs[&person].head());
    late.sort_unstable();
    let late = sign(&said, &bert, late);
    assert_eq!(
        verify(&office.world, &late),
        Err(StatementError::NotOfTheInstitution)
    );
}

#[test]
fn what_reads_otherwise_than_it_was_signed_does_not_hold() {
    let office = offices();
    let institution = office.one.institution;
    let (space, fields) = (office.section, fields());
    let said = statement(space, &fields);
    let signed = sign(
        &said,
        &office.a1,
        heads(&office.world, &office.a1, institution),
    );
    let verify = |said: &Statement<'_>, signed: &StatementSignature| {
        said.verify(signed, &institution, &office.world.logs)
    };
    assert_eq!(verify(&said, &signed), Ok(()), "control");
    let mut more = fields.clone();
    more.insert("valid_until".into(), "2199-12-31".into());
    let bad = Err(StatementError::BadSignature);
    assert_eq!(verify(&statement(space, &more), &signed), bad);
    assert_eq!(
        verify(&statement(office.one.team, &fields), &signed),
        bad,
        "another section"
    );
    let other_entry = Statement {
        entry: "aaaaaaaaaaaaa",
        ..statement(space, &fields)
    };
    assert_eq!(verify(&other_entry, &signed), bad);
    let later = StatementSignature {
        signed_at_ms: 1_001,
        ..signed.clone()
    };
    assert_eq!(verify(&said, &later), bad);
    let mut fewer = signed.clone();
    fewer.heads.retain(|head| head.space != institution);
    assert_eq!(verify(&said, &fewer), bad);
}

#[test]
fn nobody_signs_for_another_institution_or_for_what_is_none() {
    let office = offices();
    let (one, two) = (office.one.institution, office.two.institution);
    let fields = fields();
    let said = statement(office.section, &fields);
    let logs = &office.world.logs;
    let own = sign(&said, &office.c1, heads(&office.world, &office.c1, two));
    assert_eq!(said.verify(&own, &two, logs), Ok(()), "control");
    let not = Err(StatementError::NotOfTheInstitution);
    assert_eq!(said.verify(&own, &one, logs), not);
    let mut both = heads(&office.world, &office.c1, two);
    both.extend(heads(&office.world, &office.c1, one));
    both.sort_unstable();
    let both = sign(&said, &office.c1, both);
    assert_eq!(said.verify(&both, &one, logs), not);
    // A team in which the device has a role is no institution.
    let team = office.two.team;
    let mut of_team = heads(&office.world, &office.c1, team);
    of_team.extend(heads(&office.world, &office.c1, two));
    of_team.sort_unstable();
    of_team.dedup();
    let of_team = sign(&said, &office.c1, of_team);
    assert_eq!(said.verify(&of_team, &team, logs), not);
}

#[test]
fn without_the_logs_that_it_names_or_with_heads_in_disorder_nothing_holds() {
    let office = offices();
    let institution = office.one.institution;
    let fields = fields();
    let said = statement(office.section, &fields);
    let signed = sign(
        &said,
        &office.a1,
        heads(&office.world, &office.a1, institution),
    );
    assert!(signed.heads.len() > 1, "control");
    assert_eq!(
        said.verify(&signed, &institution, &World::new().logs),
        Err(StatementError::UnknownLog)
    );
    let mut disordered = signed.clone();
    disordered.heads.reverse();
    let mut twice = signed.clone();
    twice.heads.insert(0, signed.heads[0]);
    for wrong in [disordered, twice] {
        assert_eq!(
            said.verify(&wrong, &institution, &office.world.logs),
            Err(StatementError::Malformed)
        );
    }
    let mut elsewhere = signed;
    elsewhere.heads[0].operation.0[0] ^= 1;
    assert_eq!(
        said.verify(&elsewhere, &institution, &office.world.logs),
        Err(StatementError::UnknownLog)
    );
}

#[test]
fn a_signature_has_one_form_and_that_of_another_version_needs_newer() {
    let office = offices();
    let fields = fields();
    let said = statement(office.section, &fields);
    let own = heads(&office.world, &office.a1, office.one.institution);
    let signed = sign(&said, &office.a1, own);
    let bytes = signed.to_bytes();
    assert_eq!(StatementSignature::from_bytes(&bytes), Ok(signed));
    let mut newer = bytes.clone();
    newer[1] = 2;
    let needs_newer = Err(StatementError::NeedsNewer);
    assert_eq!(StatementSignature::from_bytes(&newer), needs_newer);
    let longer = [bytes.as_slice(), &[0]].concat();
    let malformed = Err(StatementError::Malformed);
    assert_eq!(StatementSignature::from_bytes(&longer), malformed);
    assert_eq!(StatementSignature::from_bytes(b""), malformed);
}
