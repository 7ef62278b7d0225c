//! The `outflow` command.

/// Midnight makes and drops millions of small things on all threads at once, which the system's
/// allocator (glibc) is slow at. Of the command alone: who uses the library chooses for himself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    outflow::cli::run()
}
