//! The binary: see `windlass::cli`.

#[global_allocator]
static ALLOCATOR: windlass::memory::Counting = windlass::memory::Counting;

fn main() -> std::process::ExitCode {
    windlass::cli::main()
}
