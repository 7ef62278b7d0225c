//! What a finding knows that the flow logs do not.
//!
//! `GuardDuty` reads the same flow logs. A finding that they alone gave rise to repeats our own
//! evidence; one that rests on a threat list, on DNS, on `CloudTrail` or on the runtime agent adds
//! to it. Types are from the user guide's "Finding types"; grammar:
//! `ThreatPurpose:Resource/Family[.Mechanism][!Artifact]`.

use serde::{Deserialize, Serialize};

/// How far a finding is independent of the flow logs, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Independence {
    /// Computed from the same flow logs: volume, ports, scans. Not independent.
    SameLogs,
    /// From other records of the same host: DNS queries, API calls, processes. Independent, but
    /// it does not say where the data went.
    OtherLogs,
    /// Somebody knows the other end: command and control, drop point, Tor, threat list.
    Knowledge,
}

/// Families that rest on knowledge of the other end.
const KNOWLEDGE: [&str; 14] = [
    "AbusedDomainRequest",
    "BitcoinDomainRequest",
    "BitcoinTool",
    "BlackholeTraffic",
    "C&CActivity",
    "DriveBySourceTraffic",
    "DropPoint",
    "MaliciousDomainRequest",
    "MaliciousIPCaller",
    "PhishingDomainRequest",
    "SuspiciousDomainRequest",
    "TorClient",
    "TorIPCaller",
    "TorRelay",
];
/// Families of EC2 that do not come out of flow logs.
const EC2_OTHER_LOGS: [&str; 3] = ["DNSDataExfiltration", "MaliciousFile", "MetadataDNSRebind"];

impl Independence {
    /// By the finding's type alone.
    pub fn of_type(kind: &str) -> Self {
        let (purpose, rest) = kind.split_once(':').unwrap_or((kind, ""));
        let (resource, name) = rest.split_once('/').unwrap_or((rest, ""));
        let (name, artifact) = name.split_once('!').unwrap_or((name, ""));
        let family = name.split('.').next().unwrap_or_default();
        if KNOWLEDGE.contains(&family) {
            Self::Knowledge
        } else if purpose == "AttackSequence" {
            // As strong as what it was put together from, which its signals tell.
            Self::SameLogs
        } else if artifact == "DNS" || EC2_OTHER_LOGS.contains(&family) {
            Self::OtherLogs
        } else if matches!(resource, "EC2" | "Lambda" | "Container") {
            Self::SameLogs
        } else {
            Self::OtherLogs
        }
    }

    /// The word in data sets.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SameLogs => "same_logs",
            Self::OtherLogs => "other_logs",
            Self::Knowledge => "knowledge",
        }
    }

    /// Whether it says anything that the flow logs do not.
    pub fn is_independent(self) -> bool {
        self > Self::SameLogs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_classed_by_what_they_rest_on() {
        for (kind, class) in [
            ("Backdoor:EC2/C&CActivity.B", Independence::Knowledge),
            ("Backdoor:EC2/C&CActivity.B!DNS", Independence::Knowledge),
            ("Backdoor:Lambda/C&CActivity.B", Independence::Knowledge),
            ("Trojan:EC2/DropPoint", Independence::Knowledge),
            ("UnauthorizedAccess:EC2/TorClient", Independence::Knowledge),
            ("UnauthorizedAccess:EC2/TorRelay", Independence::Knowledge),
            ("UnauthorizedAccess:EC2/MaliciousIPCaller.Custom", Independence::Knowledge),
            ("Trojan:EC2/DNSDataExfiltration", Independence::OtherLogs),
            ("Trojan:EC2/DGADomainRequest.C!DNS", Independence::OtherLogs),
            ("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", Independence::OtherLogs),
            ("Execution:Runtime/ReverseShell", Independence::OtherLogs),
            ("Behavior:EC2/TrafficVolumeUnusual", Independence::SameLogs),
            ("Behavior:EC2/NetworkPortUnusual", Independence::SameLogs),
            ("DefenseEvasion:EC2/UnusualDoHActivity", Independence::SameLogs),
            ("Recon:EC2/Portscan", Independence::SameLogs),
            ("AttackSequence:EC2/CompromisedInstanceGroup", Independence::SameLogs),
        ] {
            assert_eq!(Independence::of_type(kind), class, "{kind}");
        }
        assert!(!Independence::SameLogs.is_independent());
        assert!(Independence::OtherLogs.is_independent() && Independence::Knowledge.is_independent());
    }
}
