//! The command line, apart from the machine it is tested on.

use std::path::Path;

use assert_cmd::Command;

/// The command line without anything of this machine: no settings, no credentials, no metadata
/// service.
pub fn bare(dir: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("outflow"));
    let foreign = ["OUTFLOW_", "AWS_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"];
    for (name, _) in std::env::vars().filter(|(name, _)| foreign.iter().any(|start| name.starts_with(start)))
    {
        command.env_remove(name);
    }
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
        .env("AWS_CONFIG_FILE", dir.join("no-config"))
        .env("AWS_SHARED_CREDENTIALS_FILE", dir.join("none"));
    command.current_dir(dir);
    command
}
