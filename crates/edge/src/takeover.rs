//! An edge takes over from another one that runs on the same data directory, such as a new release from
//! the one before, and no request is lost.
//!
//! Who holds the [`lock`] of the directory is its owner: it alone writes there, takes connections and
//! talks with the control plane. The owner listens at `takeover.sock`, where a successor asks it for
//! its place:
//!
//! 1. *Take over*: the owner sends the descriptors of its listening sockets ([`pass`]). Both have the
//!    same sockets then, and with them the connections that wait in their queues.
//! 2. *Hand over*, when the successor has bound what else it wants: the owner ends its conversation with
//!    the control plane, at a moment at which no switch is prepared and no service held, forces the
//!    routes to disk, lets go of directory and lock, and tells which routes it serves. It goes on to serve those.
//! 3. *Ready*, when the successor serves the same: the owner takes no more connections, has each of
//!    those that it has end with its next response, and becomes a **predecessor**.
//!
//! Who dies before the third step changes nothing: a successor has not served yet, and an owner leaves
//! the sockets with the successor. From then on the predecessor follows: the owner tells it of every
//! change of a route before it acknowledges that to the control plane, and makes the predecessor's drains
//! a part of its own ([`succession`]). A predecessor ends when its last connection has, or at the drain
//! deadline. When its owner dies meanwhile it competes for the lock: it is the owner again, or follows
//! whoever is. A predecessor may have predecessors of its own.

mod follow;
mod give;
mod lock;
mod message;
mod part;
mod pass;
mod predecessor;
mod socket;
mod succession;
mod take;

pub(crate) use follow::{Ended, follow};
pub(crate) use give::Door;
pub(crate) use lock::Lock;
pub(crate) use succession::Succession;
pub(crate) use take::{Offer, Place, ask, wait_for_nobody};
