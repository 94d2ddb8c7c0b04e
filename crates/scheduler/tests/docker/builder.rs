//! Building, testing and pushing images on a real engine.

mod building;
mod ground;
mod pushing;
mod trying;
