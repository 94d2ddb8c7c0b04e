//! HTTP/2 from clients.

mod clients;
mod ending;
mod floods;
mod hints;
mod logged;
mod passing;
mod refused;
mod succession;
mod websockets;
