#![doc = include_str!("../README.md")]

// The modules follow the packages of the contract, so `switchyard.bots.v1` is `switchyard_client::bots::v1`.
#[allow(clippy::all, rustdoc::all)]
mod stubs;

pub use stubs::switchyard::*;
pub use stubs::{gateway, google};
