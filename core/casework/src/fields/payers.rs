//! Who pays a step.

use std::collections::BTreeMap;
use std::fmt;

use super::{Field, FieldError, InstitutionId, Percent, field_as_string};

/// More payers than any step has.
const MAX_PAYERS: usize = 20;

/// The shares of all payers, 100 % together. One immutable value, stored `iv=50;soz=50` in the order
/// of the identifiers, shown `iv 50 %, soz 50 %`: two people who split concurrently make one conflict
/// between two whole splits, never a mixture that sums to something else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PayerShares(BTreeMap<InstitutionId, Percent>);

impl PayerShares {
    /// Checks a split.
    ///
    /// # Errors
    /// `sum` unless the shares sum to 100 %, `duplicate` for a payer named twice, `zero` for a payer
    /// who pays nothing, `too_many` for more than 20.
    pub fn new(
        shares: impl IntoIterator<Item = (InstitutionId, Percent)>,
    ) -> Result<Self, FieldError> {
        let mut by_payer = BTreeMap::new();
        for (payer, share) in shares {
            if share.number() == 0 {
                return Err(refused("zero", "a payer has a share of 0 %"));
            }
            if by_payer.insert(payer, share).is_some() {
                return Err(refused("duplicate", "a payer is named twice"));
            }
            if by_payer.len() > MAX_PAYERS {
                return Err(refused("too_many", "there are more than 20 payers"));
            }
        }
        let sum: u32 = by_payer
            .values()
            .map(|share| u32::from(share.number()))
            .sum();
        if sum != 100 {
            return Err(refused(
                "sum",
                format!("the shares sum to {sum} %, not to 100 %"),
            ));
        }
        Ok(Self(by_payer))
    }

    /// One institution pays everything.
    pub fn whole(payer: InstitutionId) -> Result<Self, FieldError> {
        Self::new([(payer, Percent::new(100)?)])
    }

    /// True if the institution pays a part.
    pub fn pays(&self, institution: &InstitutionId) -> bool {
        self.0.contains_key(institution)
    }

    /// Payers and shares in the order of the identifiers.
    pub fn iter(&self) -> impl Iterator<Item = (&InstitutionId, Percent)> {
        self.0.iter().map(|(payer, share)| (payer, *share))
    }
}

fn refused(code: &'static str, reason: impl Into<String>) -> FieldError {
    FieldError::new(
        PayerShares::NAME,
        code,
        reason,
        "write each payer once with its share, 100 % together, e.g. iv=50;soz=50",
    )
}

impl Field for PayerShares {
    const NAME: &'static str = "payers";

    fn parse(input: &str) -> Result<Self, FieldError> {
        let mut shares = Vec::new();
        for part in input.split([';', ',']).map(str::trim) {
            let (payer, share) = part
                .split_once('=')
                .or_else(|| part.split_once(' '))
                .ok_or_else(|| refused("format", "a part is not payer=share"))?;
            let payer = InstitutionId::parse(payer.trim())
                .map_err(|_| refused("format", "a payer is not an institution"))?;
            let share = Percent::parse(share)
                .map_err(|_| refused("format", "a share is not a whole number from 0 to 100"))?;
            shares.push((payer, share));
        }
        Self::new(shares)
    }

    fn canonical(&self) -> String {
        let parts: Vec<String> = self
            .iter()
            .map(|(payer, share)| format!("{payer}={}", share.number()))
            .collect();
        parts.join(";")
    }
}

impl fmt::Display for PayerShares {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (payer, share)) in self.iter().enumerate() {
            if position > 0 {
                formatter.write_str(", ")?;
            }
            write!(formatter, "{payer} {share}")?;
        }
        Ok(())
    }
}

field_as_string!(PayerShares);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::{assert_round_trip, refusal};

    #[test]
    fn shares_that_sum_to_a_hundred_are_taken_in_any_order() {
        let split = PayerShares::parse("soz=50; iv=50").unwrap();
        assert_eq!(split.canonical(), "iv=50;soz=50");
        assert_eq!(split.to_string(), "iv 50 %, soz 50 %");
        assert_round_trip(&split);
        let iv = InstitutionId::parse("iv").unwrap();
        assert!(split.pays(&iv));
        assert!(!PayerShares::parse("soz=100").unwrap().pays(&iv));
        assert_round_trip(&PayerShares::whole(iv).unwrap());
    }

    #[test]
    fn payers_that_sum_to_99_or_101_are_refused() {
        assert_eq!(refusal::<PayerShares>("iv=50;soz=49"), "sum");
        assert_eq!(refusal::<PayerShares>("iv=50;soz=51"), "sum");
        assert_eq!(refusal::<PayerShares>("iv=100;soz=0"), "zero");
        assert_eq!(refusal::<PayerShares>("iv=50;iv=50"), "duplicate");
        assert_eq!(refusal::<PayerShares>("iv"), "format");
        assert_eq!(refusal::<PayerShares>(""), "format");
        assert_eq!(refusal::<PayerShares>("iv=50,5;soz=49,5"), "format");
        let many: Vec<String> = (0..21).map(|n| format!("i{n}=4")).collect();
        assert_eq!(refusal::<PayerShares>(&many.join(";")), "too_many");
    }
}
