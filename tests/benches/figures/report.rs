//! What was measured, as a table for people and as JSON for programs.

use std::path::Path;

use serde_json::{Value, json};

/// How a figure is judged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judgement {
    /// A number of things: it does not depend on the machine, so above its bound it is a defect.
    Count,
    /// Depends on the machine and on what else runs there, or is aimed at and not reached yet.
    Time,
    /// The same, and should not be below its bound.
    Rate,
    /// Reported only.
    Nothing,
}

/// One measured figure.
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    bound: Option<f64>,
    judgement: Judgement,
}

impl Figure {
    fn outcome(&self) -> &'static str {
        let reached = self.bound.is_none_or(|bound| match self.judgement {
            Judgement::Rate => self.value >= bound,
            _ => self.value <= bound,
        });
        match self.judgement {
            Judgement::Nothing => "",
            _ if reached => "reached",
            Judgement::Count => "VIOLATED",
            Judgement::Time | Judgement::Rate => "missed",
        }
    }

    fn json(&self) -> Value {
        json!({
            "figure": self.name,
            "value": self.value,
            "unit": self.unit,
            "at_most": self.bound.filter(|_| self.judgement != Judgement::Rate),
            "at_least": self.bound.filter(|_| self.judgement == Judgement::Rate),
            "outcome": match self.outcome() { "" => "reported", other => other },
        })
    }
}

/// All figures of one run.
#[derive(Default)]
pub struct Report {
    sections: Vec<(String, Vec<Figure>)>,
}

impl Report {
    /// Begins a group of figures.
    pub fn section(&mut self, title: impl Into<String>) {
        self.sections.push((title.into(), Vec::new()));
    }

    /// A number of things that must not be above its bound.
    pub fn count(&mut self, name: &str, value: u64, unit: &'static str, at_most: u64) {
        #[allow(clippy::cast_precision_loss)]
        self.add(
            name,
            value as f64,
            unit,
            Some(at_most as f64),
            Judgement::Count,
        );
    }

    /// A number of things that is aimed at: above its bound it is missed, and no defect.
    pub fn goal(&mut self, name: &str, value: u64, unit: &'static str, at_most: u64) {
        #[allow(clippy::cast_precision_loss)]
        self.add(
            name,
            value as f64,
            unit,
            Some(at_most as f64),
            Judgement::Time,
        );
    }

    /// A rate that should not be below its bound.
    pub fn at_least(&mut self, name: &str, value: f64, unit: &'static str, bound: f64) {
        self.add(name, value, unit, Some(bound), Judgement::Rate);
    }

    /// A time or a ratio of times that should not be above its bound.
    pub fn time(&mut self, name: &str, value: f64, unit: &'static str, at_most: f64) {
        self.add(name, value, unit, Some(at_most), Judgement::Time);
    }

    /// A figure without a bound.
    pub fn note(&mut self, name: &str, value: f64, unit: &'static str) {
        self.add(name, value, unit, None, Judgement::Nothing);
    }

    fn add(
        &mut self,
        name: &str,
        value: f64,
        unit: &'static str,
        bound: Option<f64>,
        judgement: Judgement,
    ) {
        let figure = Figure {
            name: name.to_owned(),
            value,
            unit,
            bound,
            judgement,
        };
        if let Some((_, figures)) = self.sections.last_mut() {
            figures.push(figure);
        }
    }

    /// Whether a count is above its bound.
    pub fn is_violated(&self) -> bool {
        let mut figures = self.sections.iter().flat_map(|(_, figures)| figures);
        figures.any(|figure| figure.outcome() == "VIOLATED")
    }

    /// The table, in Markdown.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for (title, figures) in &self.sections {
            text.push_str(&format!(
                "\n{title}\n\n| {:<62} | {:>11} | {:<6} | {:>9} | {:<8} |\n|{:-<64}|{:->13}|{:-<8}|{:->11}|{:-<10}|\n",
                "figure", "value", "unit", "at most", "outcome", "", ":", "", ":", ""
            ));
            for figure in figures {
                let sign = if figure.judgement == Judgement::Rate {
                    "≥ "
                } else {
                    ""
                };
                let bound = figure.bound.map(|bound| format!("{sign}{}", number(bound)));
                let bound = bound.unwrap_or_default();
                text.push_str(&format!(
                    "| {:<62} | {:>11} | {:<6} | {bound:>9} | {:<8} |\n",
                    figure.name,
                    number(figure.value),
                    figure.unit,
                    figure.outcome()
                ));
            }
        }
        text
    }

    /// Writes everything as JSON.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_json(&self, path: &Path, machine: &Value) -> std::io::Result<()> {
        let sections: Vec<Value> = self
            .sections
            .iter()
            .map(|(title, figures)| {
                json!({
                    "title": title,
                    "figures": figures.iter().map(Figure::json).collect::<Vec<_>>(),
                })
            })
            .collect();
        let whole = json!({ "schema_version": 1, "machine": machine, "sections": sections });
        std::fs::write(path, format!("{whole:#}\n"))
    }
}

/// Whole numbers whole, small ones with three digits that count.
fn number(value: f64) -> String {
    if value.fract() == 0.0 || value >= 1000.0 {
        format!("{value:.0}")
    } else if value >= 100.0 {
        format!("{value:.1}")
    } else if value >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}
