//! Blue-green deployment on your own hosts, in one program.
fn main() {}
