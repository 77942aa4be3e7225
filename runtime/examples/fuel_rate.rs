//! Prints how much fuel this machine burns in a second at its slowest.
fn main() {
    for _ in 0..3 {
        println!("{:?}", unseen_runtime::fuel_rate::measure());
    }
}
