//! What a connection keeps while it waits: there may be very many.

use super::*;

/// How large what a function returns is.
fn size_of_returned<A, B, C, T>(_: impl FnOnce(A, B, C) -> T) -> usize {
    size_of::<T>()
}

/// The runtime takes about 100 bytes more for a task, and puts it on a multiple of 128.
#[test]
fn a_connection_that_waits_keeps_little() {
    let (client, task) = (size_of::<Client>(), size_of_returned(Client::serve));
    assert!(client <= 208, "{client}");
    assert!(task <= 144, "{task}");
}
