//! `outflow`: reads AWS VPC Flow Logs, learns what each network interface normally sends out,
//! and says, with evidence that can be recomputed, when data leaves for somewhere it should not.

pub mod alert;
pub mod gunzip;
pub mod limits;
pub mod net;
pub mod record;
pub mod window;
