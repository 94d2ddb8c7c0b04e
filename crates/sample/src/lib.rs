//! A small web application that the demonstration, the tests and the benchmarks deploy.
