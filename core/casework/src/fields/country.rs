//! Nationalities and countries.

use std::fmt;

use super::{Field, FieldError, field_as_string};

/// ISO 3166-1 alpha-2, and XK (Kosovo), a code the list leaves to its users and Swiss registers use.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO \
BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH \
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL \
IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME \
MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH \
PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC \
TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

const STATELESS: &str = "stateless";
const UNKNOWN: &str = "unknown";

/// A nationality: a country of ISO 3166-1 alpha-2, `stateless`, or `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CountryCode(&'static str);

impl CountryCode {
    /// The code as stored: two capital letters, `stateless` or `unknown`.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Field for CountryCode {
    const NAME: &'static str = "nationality";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let wanted = input.trim();
        COUNTRIES
            .split(' ')
            .chain([STATELESS, UNKNOWN])
            .find(|code| code.eq_ignore_ascii_case(wanted))
            .map(Self)
            .ok_or_else(|| {
                FieldError::new(
                    Self::NAME,
                    "unknown_code",
                    "this is no country code of ISO 3166-1",
                    "write the two letters, e.g. CH, ER, UA, or stateless, or unknown",
                )
            })
    }

    fn canonical(&self) -> String {
        self.0.to_owned()
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

field_as_string!(CountryCode);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn countries_stateless_and_unknown_are_read_and_others_refused() {
        assert_eq!(COUNTRIES.split(' ').count(), 250);
        for code in COUNTRIES.split(' ').chain([STATELESS, UNKNOWN]) {
            assert_round_trip(&CountryCode::parse(code).unwrap());
        }
        assert_eq!(CountryCode::parse("ch").unwrap().as_str(), "CH");
        for wrong in ["", "C", "CHE", "ZZ", "Schweiz"] {
            assert_eq!(refusal::<CountryCode>(wrong), "unknown_code");
        }
    }
}
