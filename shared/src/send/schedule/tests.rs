mod faults;
mod order;
mod play;
