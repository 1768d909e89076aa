//! The boot runtime of azure-init: QuickJS-ng, an event loop and the kernel's calls, for one program that is built in.
//!
//! A program is a set of modules in bytecode. It sees one global object of the runtime's, `natives`; `natives.d.ts`
//! declares it.

mod descriptors;
pub mod engine;
mod event_loop;
mod heap;
mod natives;
mod shapes;
mod values;

pub use natives::declarations;
