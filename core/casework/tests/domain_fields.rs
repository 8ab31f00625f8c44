//! Every field of the domain: its boundary values are taken, what lies beyond is refused with a code,
//! a reason and a remedy, and no refusal repeats the value.

use nahtlos_casework::fields::{
    Ahvn13, Canton, Capacity, CaseNumber, Commune, ContactChannel, CountryCode, Date, Email, Field,
    JournalText, LanguageCode, LanguageLevel, Line, LongText, Minutes, Name, PartialDate, Percent,
    Permit, Phase, Phone, ProblemArea, Rappen, Severity, Sex, SwissPostcode, Times, Uid, UtcTime,
};
use nahtlos_casework::record::{Address, Lead};

/// What is taken, and what is refused with which code.
#[track_caller]
fn check<F: Field>(taken: &[&str], refused: &[(&str, &str)]) {
    for value in taken {
        let read = F::parse(value).unwrap_or_else(|error| panic!("{} {value}: {error}", F::NAME));
        assert_eq!(
            F::parse(&read.canonical()).as_ref(),
            Ok(&read),
            "{} {value}",
            F::NAME
        );
    }
    for (value, code) in refused {
        let error = F::parse(value).expect_err(value);
        assert_eq!(error.code, *code, "{} {value:?}", F::NAME);
        assert!(!error.reason.is_empty() && !error.remedy.is_empty());
        let said = format!("{} {}", error.reason, error.remedy);
        let is_telling = value.chars().count() > 8;
        assert!(
            !is_telling || !said.contains(value),
            "{} repeats {value:?}",
            F::NAME
        );
    }
}

#[test]
fn names_and_texts_hold_their_lengths_and_no_invisible_characters() {
    let (name, line, report) = ("é".repeat(100), "x".repeat(2_000), "x".repeat(10_000));
    let longer = |text: &str| format!("{text}x");
    let invisible = [
        ("a\u{7}b", "control_character"),
        ("Anna\u{202E}Meier", "control_character"),
    ];
    let refused = |beyond: &str| {
        let beyond: &'static str = Box::leak(beyond.to_owned().into_boxed_str());
        [
            &[("", "empty"), (" ", "empty"), (beyond, "too_long")],
            &invisible[..],
        ]
        .concat()
    };
    check::<Name>(&["x", "Zu\u{308}rcher", &name], &refused(&longer(&name)));
    check::<Line>(&["x", &line], &refused(&longer(&line)));
    check::<Line>(&[], &[("a\nb", "line_break")]);
    check::<LongText>(&["a\r\nb", &line], &refused(&longer(&line)));
    check::<JournalText>(&["a\nb", &report], &refused(&longer(&report)));
}

#[test]
fn numbers_with_a_check_digit_are_taken_only_with_the_right_one() {
    check::<Ahvn13>(
        &[
            "7561234567897",
            "756.1234.5678.97",
            "7569217076985",
            "7560000010070",
        ],
        &[
            ("7561234567890", "check_digit"),
            ("7551234567897", "country"),
            ("756123456789", "length"),
            ("75612345678970", "length"),
            ("756x234567897", "character"),
        ],
    );
    check::<Uid>(
        &["CHE-109.322.551", "CHE109322551"],
        &[("CHE-109.322.552", "check_digit")],
    );
    check::<CaseNumber>(
        &["BE-2026-031-A7-0042-U"],
        &[("BE-2026-031-A7-0042-V", "check_character")],
    );
}

#[test]
fn dates_exist_and_may_be_known_in_part_where_a_birth_is_meant() {
    check::<Date>(
        &["2028-02-29", "31.12.2026", "2026-01-01"],
        &[
            ("2027-02-29", "no_such_day"),
            ("31.04.2026", "no_such_day"),
            ("2026-1-1", "format"),
            ("tomorrow", "format"),
        ],
    );
    check::<PartialDate>(
        &["1982", "1982-05", "1982-05-17", "17.05.1982"],
        &[
            ("1982-13", "no_such_day"),
            ("1982-02-30", "no_such_day"),
            ("82", "format"),
        ],
    );
    check::<UtcTime>(
        &["2026-10-20T14:00:00+02:00", "2026-10-20T12:00:00Z"],
        &[("2026-10-20", "format"), ("20.10.2026 14:00", "format")],
    );
}

#[test]
fn numbers_hold_their_ranges() {
    check::<Capacity>(
        &["0", "5", "100", "40 %"],
        &[
            ("101", "range"),
            ("42", "range"),
            ("-5", "range"),
            ("", "range"),
        ],
    );
    check::<Percent>(&["0", "1", "100"], &[("101", "range"), ("0.5", "range")]);
    check::<Commune>(&["1", "902", "6999"], &[("0", "range"), ("7000", "range")]);
    check::<SwissPostcode>(
        &["1000", "9658"],
        &[("999", "range"), ("9659", "range"), ("03550", "range")],
    );
    check::<Minutes>(&["1", "600"], &[("0", "range"), ("601", "range")]);
    check::<Times>(
        &["1", "10000"],
        &[("0", "range"), ("10001", "range"), ("-1", "range")],
    );
    check::<Severity>(&["0", "3"], &[("4", "range"), ("-1", "range")]);
    check::<Rappen>(
        &["0", "1250.50", "CHF 1'250.50"],
        &[("12.345", "format"), ("-1", "format")],
    );
}

#[test]
fn codes_are_those_of_their_lists() {
    let all: Vec<String> = (2..=13).map(|code| format!("{code:02}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    check::<Permit>(
        &all,
        &[
            ("01", "unknown_code"),
            ("14", "unknown_code"),
            ("B 02", "unknown_code"),
        ],
    );
    check::<Permit>(
        &["B", "C", "Ci", "F", "G", "L", "N", "S"],
        &[("A", "unknown_code")],
    );
    check::<Sex>(
        &["1", "2", "3"],
        &[
            ("0", "unknown_code"),
            ("4", "unknown_code"),
            ("x", "unknown_code"),
        ],
    );
    check::<CountryCode>(
        &["CH", "XK", "stateless", "unknown"],
        &[("XX", "unknown_code"), ("CHE", "unknown_code")],
    );
    check::<Canton>(&["BE", "NE"], &[("EB", "unknown_code")]);
    check::<LanguageCode>(
        &["de", "ti", "uk"],
        &[("deu", "unknown_code"), ("xx", "unknown_code")],
    );
    let levels = [
        "A0", "A1.1", "A1.2", "A1", "A2.1", "A2.2", "A2", "B1", "B2", "C1", "C2",
    ];
    check::<LanguageLevel>(&levels, &[("B1.1", "unknown_code"), ("C3", "unknown_code")]);
    let areas = [
        "somatic",
        "psychic",
        "addiction",
        "debts",
        "housing",
        "family",
        "language",
        "qualification",
        "residence",
        "justice",
        "digital",
        "motivation",
    ];
    check::<ProblemArea>(&areas, &[("weather", "unknown_code")]);
    let phases = [
        "reported",
        "preclarified",
        "consented",
        "assessed",
        "planned",
        "running",
        "paused",
        "closing",
        "closed",
        "archived",
        "deleted",
    ];
    check::<Phase>(&phases, &[("lost", "unknown_code")]);
    check::<ContactChannel>(
        &[
            "phone",
            "message",
            "mail",
            "letter",
            "in_person",
            "representative",
        ],
        &[("pigeon", "unknown_code")],
    );
}

#[test]
fn phone_e_mail_address_and_lead_are_read_whole_or_not_at_all() {
    check::<Phone>(
        &["034 402 11 22", "+41 34 402 11 22", "0041344021122"],
        &[("034", "length"), ("034 402 11 2x", "character")],
    );
    check::<Email>(
        &["ruth.mosimann@example.ch"],
        &[("ruth.example.ch", "format"), ("a@b@example.ch", "format")],
    );
    check::<Address>(
        &[
            r#"{"town":"Trub"}"#,
            r#"{"street":"Dorf","house_number":"1","postcode":"3556","town":"Trub"}"#,
        ],
        &[
            ("{}", "format"),
            (r#"{"town":"Trub","postcode":"99"}"#, "format"),
        ],
    );
    check::<Lead>(
        &[r#"{"institution":"rav","person":"berger","since":"2026-09-01"}"#],
        &[(r#"{"institution":"rav"}"#, "format")],
    );
}
