//! The `outflow` command.

fn main() -> std::process::ExitCode {
    outflow::cli::run()
}
