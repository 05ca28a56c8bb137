//! One contract for every journal: what an acknowledgement means, over memory and over disk.

mod contract;
mod damage;
mod disk;
mod golden;
mod process;
mod support;
mod writer;
