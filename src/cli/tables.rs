//! Flags that name files beside the logs.

use clap::Args;

use crate::config::Config;

#[derive(Debug, Default, Args)]
pub(super) struct TableArgs {
    /// AWS's ip-ranges.json: names the service of a destination where records do not; overrides the
    /// configuration, as the other tables do
    #[arg(long, env = "OUTFLOW_IP_RANGES", value_name = "FILE")]
    ip_ranges: Option<String>,
    /// MaxMind-format database of autonomous systems
    #[arg(long, env = "OUTFLOW_ASN_DB", value_name = "FILE")]
    asn_db: Option<String>,
    /// MaxMind-format database of countries
    #[arg(long, env = "OUTFLOW_COUNTRY_DB", value_name = "FILE")]
    country_db: Option<String>,
    /// CSV with the columns prefix and name; each name counts as one destination
    #[arg(long, env = "OUTFLOW_NAMES", value_name = "FILE")]
    names: Option<String>,
    /// Suppressions, as `outflow suppress` keeps them
    #[arg(long, env = "OUTFLOW_SUPPRESSIONS", value_name = "FILE")]
    suppressions: Option<String>,
}

impl TableArgs {
    /// Puts what was given over the configuration.
    pub(super) fn over(&self, config: &mut Config) {
        let put = |given: &Option<String>, to: &mut Option<String>| {
            if given.is_some() {
                to.clone_from(given);
            }
        };
        put(&self.ip_ranges, &mut config.enrich.ip_ranges);
        put(&self.asn_db, &mut config.enrich.asn_db);
        put(&self.country_db, &mut config.enrich.country_db);
        put(&self.names, &mut config.enrich.names);
        put(&self.suppressions, &mut config.detect.suppressions);
    }
}
