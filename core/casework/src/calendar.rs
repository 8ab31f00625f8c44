//! Tasks as a calendar that other programs read (iCalendar, RFC 5545).
//!
//! A day of its own for each task, in the line form that every calendar takes. The crates there are for it bring a
//! time library of their own and hundreds of properties; this is one kind of entry and six rules of form.

use crate::fields::{Date, Field, Priority, UtcTime};

/// Octets that a line has at most, its end not counted (RFC 5545 §3.1).
const LINE_OCTETS_MAX: usize = 75;
/// Hour of the day at which a reminder comes.
const REMINDER_HOUR: i32 = 8;
const HOURS_A_DAY: i32 = 24;

/// A task that is due, as it goes into a calendar.
#[derive(Debug, Clone, PartialEq)]
pub struct CalendarTask {
    /// Always the same for the same task, so that a second import changes it instead of adding another one.
    pub uid: String,
    /// What stands in the calendar.
    pub summary: String,
    /// The day.
    pub due: Date,
    /// The day of the reminder, before or after that.
    pub reminder: Option<Date>,
    /// How urgent.
    pub priority: Option<Priority>,
    /// Done, dropped or deleted: a calendar into which it went before takes it out or strikes it through.
    pub is_over: bool,
}

/// A calendar of these tasks, made at this time. Without any it is none: RFC 5545 asks for at least one entry.
pub fn calendar(tasks: &[CalendarTask], made_at: UtcTime) -> String {
    let mut text = String::new();
    let stamp = stamp(made_at);
    line(&mut text, "BEGIN:VCALENDAR");
    line(&mut text, "VERSION:2.0");
    line(&mut text, "PRODID:-//nahtlos//tasks//EN");
    line(&mut text, "CALSCALE:GREGORIAN");
    for task in tasks {
        event(&mut text, task, &stamp);
    }
    line(&mut text, "END:VCALENDAR");
    text
}

fn event(text: &mut String, task: &CalendarTask, stamp: &str) {
    let summary = escaped(&task.summary);
    line(text, "BEGIN:VEVENT");
    line(text, &format!("UID:{}", escaped(&task.uid)));
    line(text, &format!("DTSTAMP:{stamp}"));
    line(text, &format!("DTSTART;VALUE=DATE:{}", basic(task.due)));
    // The end is the first day that is not part of it.
    if let Some(next) = task.due.plus_days(1) {
        line(text, &format!("DTEND;VALUE=DATE:{}", basic(next)));
    }
    line(text, &format!("SUMMARY:{summary}"));
    line(text, "CLASS:PRIVATE");
    line(text, "TRANSP:TRANSPARENT");
    line(
        text,
        match task.is_over {
            true => "STATUS:CANCELLED",
            false => "STATUS:CONFIRMED",
        },
    );
    if let Some(priority) = task.priority {
        line(text, &format!("PRIORITY:{}", icalendar_priority(priority)));
    }
    if let Some(reminder) = task.reminder.filter(|_| !task.is_over) {
        line(text, "BEGIN:VALARM");
        line(text, "ACTION:DISPLAY");
        line(text, &format!("DESCRIPTION:{summary}"));
        line(text, &format!("TRIGGER:{}", trigger(task.due, reminder)));
        line(text, "END:VALARM");
    }
    line(text, "END:VEVENT");
}

/// 1 is first in both; 9 is last there.
fn icalendar_priority(priority: Priority) -> u8 {
    match priority {
        Priority::First => 1,
        Priority::Second => 5,
        Priority::Third => 9,
    }
}

/// From the beginning of the day on which the task is due to the hour of the reminder: `-P6DT16H`.
fn trigger(due: Date, reminder: Date) -> String {
    let hours = due.days_until(reminder) * HOURS_A_DAY + REMINDER_HOUR;
    let sign = if hours < 0 { "-" } else { "" };
    let (days, hours) = (hours.abs() / HOURS_A_DAY, hours.abs() % HOURS_A_DAY);
    match (days, hours) {
        (0, hours) => format!("{sign}PT{hours}H"),
        (days, 0) => format!("{sign}P{days}D"),
        (days, hours) => format!("{sign}P{days}DT{hours}H"),
    }
}

/// `20270331`
fn basic(date: Date) -> String {
    date.canonical().replace('-', "")
}

/// `20270331T120000Z`
fn stamp(at: UtcTime) -> String {
    at.canonical().replace(['-', ':'], "")
}

/// RFC 5545 §3.3.11.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' => escaped.push_str("\\n"),
            hidden if hidden.is_control() || is_invisible(hidden) => {}
            plain => escaped.push(plain),
        }
    }
    escaped
}

/// Characters that nobody sees, and that show a text in another order or let two different titles look the same. The
/// joiners stay: names and signs of some scripts are written with them.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// One line, folded between characters where it is longer than a line may be.
fn line(text: &mut String, content: &str) {
    let mut octets = 0;
    for character in content.chars() {
        if octets + character.len_utf8() > LINE_OCTETS_MAX {
            text.push_str("\r\n ");
            octets = 1;
        }
        octets += character.len_utf8();
        text.push(character);
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn task(summary: &str, reminder: Option<&str>) -> CalendarTask {
        CalendarTask {
            uid: "abc@nahtlos".into(),
            summary: summary.into(),
            due: day("2028-02-29"),
            reminder: reminder.map(day),
            priority: Priority::parse("1").ok(),
            is_over: false,
        }
    }

    fn made(tasks: &[CalendarTask]) -> String {
        calendar(tasks, UtcTime::parse("2026-11-22T21:00:00Z").unwrap())
    }

    /// What a reader makes of it: lines without their folds.
    fn unfolded(text: &str) -> Vec<String> {
        let whole = text.replace("\r\n ", "");
        whole.split("\r\n").map(str::to_owned).collect()
    }

    /// A property as RFC 5545 §3.1 has it: name, parameters, value.
    type Property = (String, Vec<(String, String)>, String);

    fn property(line: &str) -> Property {
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|one| one.is_ascii_alphanumeric() || one == '-')
        };
        let (head, value) = line.split_once(':').expect("a value");
        let mut parts = head.split(';');
        let name = parts.next().unwrap();
        assert!(is_name(name), "{line}");
        let parameter = |part: &str| {
            let (name, value) = part.split_once('=').expect("a parameter");
            assert!(is_name(name) && !value.contains(['"', ',']), "{line}");
            (name.to_owned(), value.to_owned())
        };
        assert!(!value.contains(|one: char| one.is_control()), "{line}");
        let parameters = parts.map(parameter).collect();
        (name.to_owned(), parameters, value.to_owned())
    }

    /// The text that a value of type TEXT stands for (§3.3.11).
    fn unescaped(value: &str) -> String {
        let mut text = String::new();
        let mut characters = value.chars();
        while let Some(character) = characters.next() {
            assert!(!matches!(character, ';' | ','), "not escaped: {value}");
            text.push(match character {
                '\\' => match characters.next() {
                    Some('n' | 'N') => '\n',
                    Some(escaped @ ('\\' | ';' | ',')) => escaped,
                    other => panic!("{other:?} after a backslash: {value}"),
                },
                plain => plain,
            });
        }
        text
    }

    /// Every event with its properties, read by the rules of RFC 5545 and not by what is written here.
    fn events(text: &str) -> Vec<Vec<Property>> {
        let lines = unfolded(text.strip_suffix("\r\n").expect("the last line ends"));
        let mut open: Vec<String> = Vec::new();
        let mut events = Vec::new();
        for line in &lines {
            let (name, parameters, value) = property(line);
            match name.as_str() {
                "BEGIN" => {
                    if value == "VEVENT" {
                        events.push(Vec::new());
                    }
                    open.push(value);
                }
                "END" => assert_eq!(open.pop(), Some(value)),
                _ => {
                    assert!(!open.is_empty(), "outside of the calendar: {line}");
                    if open.last().is_some_and(|one| one == "VEVENT") {
                        events.last_mut().unwrap().push((name, parameters, value));
                    }
                }
            }
        }
        assert!(open.is_empty());
        events
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_typed_is_read_again_by_the_rules_of_the_format(
            titles in proptest::collection::vec("(?s).{0,90}|[;,:\\\\\"nN\r\n =]{0,60}", 1..4),
        ) {
            let tasks: Vec<CalendarTask> = (1..)
                .zip(&titles)
                .map(|(number, title): (u32, _)| CalendarTask {
                    uid: format!("{number}@nahtlos"),
                    ..task(title, Some("2028-02-22"))
                })
                .collect();
            let text = made(&tasks);
            proptest::prop_assert!(text.split("\r\n").all(|line| line.len() <= LINE_OCTETS_MAX));
            let events = events(&text);
            proptest::prop_assert_eq!(events.len(), tasks.len());
            for (event, task) in events.iter().zip(&tasks) {
                let values = |wanted: &str| -> Vec<&str> {
                    let of_name = event.iter().filter(|(name, ..)| name == wanted);
                    of_name.map(|(.., value)| value.as_str()).collect()
                };
                let kept = |one: &char| *one == '\n' || !(one.is_control() || is_invisible(*one));
                let wanted: String = task.summary.chars().filter(kept).collect();
                let summaries: Vec<String> = values("SUMMARY").into_iter().map(unescaped).collect();
                proptest::prop_assert_eq!(summaries, [wanted]);
                proptest::prop_assert_eq!(values("UID"), [task.uid.as_str()]);
                // Each at most once, the required ones at all (§3.6.1).
                for name in ["DTSTAMP", "DTSTART", "DTEND", "CLASS", "TRANSP", "STATUS", "PRIORITY"] {
                    proptest::prop_assert_eq!(values(name).len(), 1, "{}", name);
                }
                let stamp = values("DTSTAMP")[0];
                proptest::prop_assert!(stamp.len() == 16 && stamp.ends_with('Z'), "{}", stamp);
            }
        }
    }

    #[test]
    fn a_task_is_a_private_day_that_blocks_nothing() {
        let text = made(&[task("BE-1: anrufen", None)]);
        let expected = [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "PRODID:-//nahtlos//tasks//EN",
            "CALSCALE:GREGORIAN",
            "BEGIN:VEVENT",
            "UID:abc@nahtlos",
            "DTSTAMP:20261122T210000Z",
            "DTSTART;VALUE=DATE:20280229",
            "DTEND;VALUE=DATE:20280301",
            "SUMMARY:BE-1: anrufen",
            "CLASS:PRIVATE",
            "TRANSP:TRANSPARENT",
            "STATUS:CONFIRMED",
            "PRIORITY:1",
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        ];
        assert_eq!(unfolded(&text), expected);
    }

    #[test]
    fn long_lines_fold_between_characters_and_every_line_ends_with_both_signs() {
        for summary in [
            "ä".repeat(200),
            "x".repeat(66),
            "x".repeat(67),
            "x".repeat(68),
            "👩‍⚕️".repeat(40),
        ] {
            let text = made(&[task(&summary, None)]);
            assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
            for line in text.split("\r\n") {
                assert!(line.len() <= LINE_OCTETS_MAX, "{}: {line}", line.len());
            }
            let wanted = format!("SUMMARY:{summary}");
            assert!(unfolded(&text).contains(&wanted), "{summary}");
        }
    }

    #[test]
    fn what_somebody_typed_cannot_become_a_line_of_its_own() {
        let text = made(&[task(
            "a, b; c\\ d\nEND:VEVENT\r\nATTENDEE:x\u{7}",
            Some("2028-02-29"),
        )]);
        let lines = unfolded(&text);
        let wanted = r"SUMMARY:a\, b\; c\\ d\nEND:VEVENT\nATTENDEE:x".to_owned();
        assert!(lines.contains(&wanted), "{lines:?}");
        assert!(lines.iter().all(|line| !line.starts_with("ATTENDEE")));
        assert_eq!(lines.iter().filter(|line| *line == "END:VEVENT").count(), 1);
    }

    #[test]
    fn a_task_that_is_over_is_cancelled_under_the_same_name_and_reminds_nobody() {
        let over = CalendarTask {
            is_over: true,
            ..task("anrufen", Some("2028-02-28"))
        };
        let lines = unfolded(&made(&[over]));
        assert!(lines.contains(&"STATUS:CANCELLED".to_owned()), "{lines:?}");
        assert!(lines.contains(&"UID:abc@nahtlos".to_owned()));
        assert!(!lines.contains(&"BEGIN:VALARM".to_owned()), "{lines:?}");
    }

    #[test]
    fn what_nobody_sees_does_not_reach_a_calendar_and_joined_signs_stay() {
        let text = made(&[task(
            "ab\u{202e}c\u{200b}d\u{2028}e\u{feff}f 👩\u{200d}⚕️",
            None,
        )]);
        let wanted = "SUMMARY:abcdef 👩\u{200d}⚕️".to_owned();
        assert!(unfolded(&text).contains(&wanted), "{text:?}");
    }

    #[test]
    fn a_reminder_comes_in_the_morning_of_its_day() {
        for (reminder, expected) in [
            ("2028-02-29", "PT8H"),
            ("2028-02-28", "-PT16H"),
            ("2028-02-22", "-P6DT16H"),
            ("2028-01-31", "-P28DT16H"),
            ("2027-02-28", "-P365DT16H"),
            ("2028-03-01", "P1DT8H"),
        ] {
            let text = made(&[task("x", Some(reminder))]);
            let wanted = format!("TRIGGER:{expected}");
            assert!(unfolded(&text).contains(&wanted), "{reminder}: {text}");
        }
        assert!(!made(&[task("x", None)]).contains("VALARM"));
    }
}
