//! Scenarios over small worlds: two institutions, their teams and people, a section or two. The
//! files go by subject; each test is named after the rule it holds to.

mod admission;
mod confirming;
mod doubt;
mod ends;
mod heal;
mod heal_refusals;
mod hostile;
mod keys;
mod links;
pub(crate) mod making;
mod operations;
mod past_wraps;
mod paths;
mod staleness;
mod stories;
mod truncation;
mod two_administrators;
pub(crate) mod world;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::author::{Author, AuthorError, Draft, EpochSecrets, NewEpoch, Prepared, wrap_info};
use super::authority::{self, At, Knowledge, View};
use super::effect::{
    DeviceKeys, Effect, HealedOperation, History, InvitationProof, Member, Recipient, WrapMethod,
};
use super::kind::{Kind, Role};
use super::operation::{LogHead, Operation, OperationError, SignedOperation};
use super::past;
use super::recipients;
use super::replay::{ReplayError, Signatures};
use super::staleness::{Staleness, staleness as staleness_in};
use super::standing::{self, NoReceipts, Position, Receipts, Suspended};
use super::state::{EndReason, SpaceState};
use super::{admission_message, invitation_message};
use crate::codec;
use crate::crypto::device_key::{DeviceKeys as OwnKeys, DeviceSeed};
use crate::crypto::epoch_secret::{self, EpochSeed};
use crate::crypto::label;
use crate::crypto::secret::Secret32;
use crate::crypto::signature::SigningKey;
use crate::crypto::test_random::TestRandom;
use crate::crypto::wrap;
use crate::identifier::{
    DeviceId, EnvelopeId, GrantId, InvitationId, JournalId, KeyId, Nonce, OperationId, RecipientId,
    SignatureBytes, SpaceId, VerifyingKeyBytes,
};
use crate::wire::Batch;
use making::*;
use world::*;
