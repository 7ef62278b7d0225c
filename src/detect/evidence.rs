//! What a detector says: a probability, and what it was computed from.

/// The detectors. Their formulas are in the module of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detector {
    /// D1: bytes to a destination that is new.
    NewDestination,
    /// D1, many at once: bytes spread over several new destinations in a day.
    NewDestinations,
    /// D2: an unusual hour of the ENI.
    Volume,
    /// D3: an unusual hour to a known destination.
    KnownDestinationHour,
    /// D3: an unusual day to a known destination.
    KnownDestinationDay,
    /// D3: unusually much to one address of a known destination for unusually long.
    KnownDestinationSustained,
    /// D4: what a destination that was met lately and returns has received since.
    Drip,
    /// D5: contacts more even than chance. Corroborates, never leads.
    Beacon,
    /// D6: unusually many networks contacted.
    FanOut,
    /// D6: unusually many networks refused.
    RejectedFanOut,
    /// D7: a consumer that turned producer.
    Balance,
    /// D8: a protocol used against its nature.
    Protocol,
    /// D9: a new destination that stays.
    LongLived,
    /// D9: a new destination that is in use without a gap.
    Unbroken,
    /// D10: refused here and there, then let through.
    ProbeThenSuccess,
    /// S1: an unusual amount served to one client.
    Served,
}

/// Evidence of the same kind: inside a family the strongest counts, corrected for the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// F1.
    Novelty,
    /// F2.
    Volume,
    /// F3.
    Shape,
    /// F4.
    Protocol,
}

impl Family {
    /// All of them; `as usize` indexes arrays.
    pub const ALL: [Self; 4] = [Self::Novelty, Self::Volume, Self::Shape, Self::Protocol];
}

impl Detector {
    /// The id on alerts.
    pub fn id(self) -> &'static str {
        match self {
            Self::NewDestination | Self::NewDestinations => "D1",
            Self::Volume => "D2",
            Self::KnownDestinationHour | Self::KnownDestinationDay | Self::KnownDestinationSustained => "D3",
            Self::Drip => "D4",
            Self::Beacon => "D5",
            Self::FanOut | Self::RejectedFanOut => "D6",
            Self::Balance => "D7",
            Self::Protocol => "D8",
            Self::LongLived | Self::Unbroken => "D9",
            Self::ProbeThenSuccess => "D10",
            Self::Served => "S1",
        }
    }

    /// Its family.
    pub fn family(self) -> Family {
        match self {
            Self::NewDestination | Self::NewDestinations => Family::Novelty,
            Self::Volume
            | Self::KnownDestinationHour
            | Self::KnownDestinationDay
            | Self::Drip
            | Self::Served => Family::Volume,
            Self::KnownDestinationSustained
            | Self::FanOut
            | Self::RejectedFanOut
            | Self::Balance
            | Self::Beacon
            | Self::LongLived
            | Self::Unbroken => Family::Shape,
            Self::Protocol | Self::ProbeThenSuccess => Family::Protocol,
        }
    }

    /// ATT&CK techniques it speaks for (detection.md B.4).
    pub fn attack(self) -> &'static [&'static str] {
        match self {
            Self::NewDestination => &["T1041", "T1048", "T1567"],
            Self::NewDestinations => &["T1041", "T1048", "T1030"],
            Self::Volume | Self::Balance => &["T1048", "T1020"],
            Self::KnownDestinationHour | Self::KnownDestinationDay | Self::KnownDestinationSustained => {
                &["T1030", "T1041", "T1567.002"]
            }
            Self::Drip => &["T1030", "T1029", "T1020"],
            Self::Beacon => &["T1071", "T1571", "T1029"],
            Self::FanOut | Self::RejectedFanOut => &["T1046", "T1090", "T1071"],
            Self::LongLived | Self::Unbroken => &["T1071", "T1090", "T1572"],
            Self::ProbeThenSuccess => &["T1571", "T1048", "T1046"],
            Self::Protocol => &["T1095", "T1572", "T1071.004", "T1571", "T1048.003"],
            Self::Served => &["T1190", "T1048"],
        }
    }

    /// Whether what it says can only become stronger while an hour goes on, because it looks at
    /// sums of bytes alone.
    pub fn only_grows(self) -> bool {
        matches!(
            self,
            Self::NewDestination
                | Self::NewDestinations
                | Self::Volume
                | Self::KnownDestinationHour
                | Self::KnownDestinationDay
                | Self::Protocol
        )
    }

    /// Whether it only strengthens what others say: periodic agents are everywhere.
    pub fn corroborates(self) -> bool {
        self == Self::Beacon
    }

    /// Detectors of its family that can speak of the same unit: the correction for taking the
    /// strongest.
    pub fn alternatives(self) -> f64 {
        match self {
            Self::Volume | Self::KnownDestinationHour | Self::KnownDestinationDay | Self::Drip => 4.0,
            Self::KnownDestinationSustained
            | Self::Balance
            | Self::Beacon
            | Self::LongLived
            | Self::Unbroken => 3.0,
            Self::FanOut | Self::RejectedFanOut | Self::Protocol | Self::ProbeThenSuccess => 2.0,
            Self::NewDestination | Self::NewDestinations | Self::Served => 1.0,
        }
    }

    /// The unit of observed and expected.
    pub fn unit(self) -> &'static str {
        match self {
            Self::NewDestination | Self::KnownDestinationDay => "bytes/day",
            Self::NewDestinations => "destinations/day",
            Self::Drip => "bytes",
            Self::Beacon => "seconds",
            Self::LongLived => "hours",
            Self::Unbroken => "minutes",
            Self::ProbeThenSuccess => "refusals",
            Self::Volume
            | Self::KnownDestinationHour
            | Self::KnownDestinationSustained
            | Self::Served
            | Self::Protocol => "bytes/hour",
            Self::FanOut | Self::RejectedFanOut => "networks/hour",
            Self::Balance => "ratio",
        }
    }
}

/// What one detector saw.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Who says it.
    pub detector: Detector,
    /// Probability, per ENI-hour, of at least this much.
    pub p: f64,
    /// What was seen, in the detector's unit.
    pub observed: f64,
    /// The baseline's middle, in the same unit.
    pub expected: f64,
    /// Samples behind the baseline.
    pub n: u64,
}

impl Evidence {
    /// Evidence in bits, at most `BITS_MAX`.
    pub fn bits(&self) -> f64 {
        bits(self.p)
    }
}

/// Most that any one probability is worth: 2^-20 is once in 120 ENI-years of hours.
pub const BITS_MAX: f64 = 20.0;

/// `-log2 p`, in 0 to `BITS_MAX`.
pub fn bits(p: f64) -> f64 {
    if p >= 1.0 { 0.0 } else { (-p.max(1e-30).log2()).clamp(0.0, BITS_MAX) }
}
