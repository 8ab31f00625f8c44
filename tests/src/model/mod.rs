//! The access rules twice: [`reference`] says in sets and recursion who may do what, and shares no
//! code with the protocol; [`replica`] does the same steps with real operations.

pub mod reference;
pub mod replica;
