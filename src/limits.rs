//! Every bound in one place. Reaching one is a named, counted event, never a silent loss.

use std::time::Duration;

/// Longest line accepted, bytes. The longest AWS can write with all 54 columns and 2,048-byte
/// tags percent-encoded is about 45 KB.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// Size of the buffer that inflated text passes through, bytes.
pub const CHUNK_BYTES: usize = 256 * 1024;
/// Such buffers that are filled ahead when one object is inflated and parsed on two threads.
pub const CHUNKS_AHEAD: usize = 3;
/// Compressed objects shorter than this are inflated in one step when their text is not longer than the
/// next, bytes: most objects of five minutes.
pub const WHOLE_OBJECT_BYTES_MAX: usize = 256 * 1024;
/// Longest text that is inflated in one step, bytes.
pub const WHOLE_TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Compressed bytes from which on an object is worth more than one thread when others have nothing
/// left to do.
pub const SHARED_OBJECT_BYTES_MIN: u64 = 1 << 20;
/// Threads on one object, each of which holds the pages of a Parquet row group.
pub const OBJECT_THREADS_MAX: usize = 4;
/// Most text one object may inflate to, bytes. AWS rotates objects at 75 MB compressed; text
/// compresses about 10x, so this is 20 times the largest honest object.
pub const OBJECT_TEXT_BYTES_MAX: u64 = 16 << 30;
/// Most text per compressed byte once past `INFLATE_RATIO_FREE_BYTES`. Deflate cannot exceed
/// 1,032 (zlib technical details); flow logs reach 10 to 30.
pub const INFLATE_RATIO_MAX: u64 = 200;
/// Text below which the ratio is not looked at, bytes: tiny objects of equal lines compress well.
pub const INFLATE_RATIO_FREE_BYTES: u64 = 64 << 20;
/// Largest Parquet or JSON-envelope object held in memory, bytes.
pub const BUFFERED_OBJECT_BYTES_MAX: u64 = 1 << 30;
/// Longest Parquet footer, bytes. A row group of 54 columns takes about 7 KB of it; what the
/// decoder makes of a footer is some 100 times as large.
pub const PARQUET_FOOTER_BYTES_MAX: usize = 4 << 20;
/// Parquet columns that hold columns. Network activity of OCSF has about 30; the decoder calls
/// itself for each level.
pub const PARQUET_COLUMN_GROUPS_MAX: usize = 256;
/// Length of fixed-length values in Parquet, bytes; the decoder makes as many for each NULL.
pub const PARQUET_FIXED_BYTES_MAX: i32 = 256;
/// Pages and dictionaries of all columns of a Parquet file that are held at a time, bytes by
/// their headers. Writers aim at 1 MiB a page; the largest known default is 100 MB.
pub const PARQUET_HELD_BYTES_MAX: u64 = 512 << 20;
/// What a compressed Parquet page may inflate to without being asked first, bytes.
pub const PARQUET_PAGE_INFLATED_BYTES_MAX: u64 = 256 << 20;
/// Rows of a Parquet file per byte once past `PARQUET_ROWS_FREE`; flow logs have 0.1.
pub const PARQUET_ROWS_PER_BYTE_MAX: u64 = 16;
/// Rows below which their number is not looked at: tiny files of equal rows compress well.
pub const PARQUET_ROWS_FREE: u64 = 1 << 20;
/// Columns in one format: 54 VPC + 36 TGW fields, and room for what AWS adds.
pub const COLUMNS_MAX: usize = 256;
/// Unknown column names kept per object.
pub const UNKNOWN_COLUMNS_MAX: usize = 16;
/// Characters of a skipped line that are kept.
pub const SKIP_SAMPLE_CHARS_MAX: usize = 80;
/// Pair entries per ENI-hour before its addresses roll up one level.
pub const PAIRS_PER_ENI_HOUR_MAX: usize = 16_384;
/// Objects named as the input of one ENI-hour; more are counted.
pub const OBJECTS_PER_HOUR_NAMED_MAX: usize = 64;
/// Destinations that an export keeps apart; about 300 bytes each.
pub const EXPORT_DESTINATIONS_MAX: usize = 2_000_000;
/// Largest table about the world (ranges, databases, names), bytes: the largest MaxMind-format
/// databases of networks are about 150 MB.
pub const TABLE_BYTES_MAX: u64 = 512 << 20;
/// Names of prefixes in one file.
pub const TABLE_NAMES_MAX: usize = 200_000;
/// Characters of one text of a table.
pub const TABLE_TEXT_CHARS_MAX: usize = 200;
/// Suppressions in one file: each is somebody's promise to look again.
pub const SUPPRESSIONS_MAX: usize = 1_000;
/// Largest file of suppressions, bytes.
pub const SUPPRESSIONS_BYTES_MAX: u64 = 4 << 20;
/// Days that a suppression may hold (detection.md, suppression).
pub const SUPPRESSION_DAYS_MAX: u32 = 90;
/// Failed objects named by a scan; more are counted. A month of broken objects has one cause.
pub const FAILED_OBJECTS_NAMED_MAX: usize = 1_000;
/// Days of history a baseline looks back.
pub const HISTORY_DAYS: usize = 28;
/// Destination keys remembered per ENI.
pub const DESTINATIONS_PER_ENI_MAX: usize = 256;
/// Rows of a snapshot that are text at the same time: up to half a megabyte each.
pub const SNAPSHOT_ROWS_AT_ONCE: usize = 64;
/// Destinations of an account in one row of a snapshot, about 27 bytes each.
pub const SNAPSHOT_ROW_DESTINATIONS_MAX: usize = 2_048;

const _: () = assert!(LINE_BYTES_MAX * 2 <= CHUNK_BYTES);
const _: () = assert!(BUFFERED_OBJECT_BYTES_MAX <= OBJECT_TEXT_BYTES_MAX);
/// Destinations met in the look-back whose sums are remembered per ENI: those that returned first.
pub const YOUNG_PER_ENI_MAX: usize = 128;
/// Client ports, and listening ports, remembered per ENI.
pub const PORTS_PER_ENI_MAX: usize = 128;
/// Own addresses remembered per ENI (AWS allows 50 IPv4 and 50 IPv6 on the largest instances).
pub const OWN_ADDRESSES_MAX: usize = 128;
/// Destinations of one ENI followed through a day; beyond, they are judged by their hour alone.
pub const DESTINATIONS_PER_ENI_DAY_MAX: usize = 4_096;
/// Destinations remembered per account and region; the longest unused go first.
pub const DESTINATIONS_PER_ACCOUNT_MAX: usize = 200_000;
/// Most bytes believed of one record: 100 Gbit/s for an aggregation interval of 600 s is 7.5 TB.
pub const RECORD_BYTES_MAX: u64 = 1 << 44;
/// Most text of one object of GuardDuty findings, bytes. A finding is 2 to 10 KB and AWS exports
/// a few of them an object; a year of a busy account in one file fits.
pub const FINDINGS_TEXT_BYTES_MAX: u64 = 128 << 20;
/// Largest single finding, bytes: `EventBridge` carries at most 256 KB.
pub const FINDING_BYTES_MAX: usize = 1 << 20;
/// Wrappers around a finding that are opened: an array of responses that hold an array.
pub const FINDING_WRAPPERS_MAX: usize = 4;
/// Longest text kept of a finding, bytes: ARNs and type names are below 300.
pub const FINDING_TEXT_BYTES_MAX: usize = 2_048;
/// Interfaces, and remote ends, kept of one finding.
pub const FINDING_ENDS_MAX: usize = 1_024;
/// Findings held at once; about 1 KB each.
pub const FINDINGS_MAX: usize = 200_000;
/// Largest answer of a service that is asked for JSON, bytes: 50 findings, most of 10 KB, some of
/// the largest.
pub const API_ANSWER_BYTES_MAX: usize = 32 << 20;
/// Findings of one import into Security Hub, as many as it takes.
pub const HUB_BATCH_FINDINGS_MAX: usize = 100;
/// Days for which `watch` holds a finding after it was seen last: `GuardDuty` keeps it for 90, and
/// tells it as another one after that (GuardDuty's quotas, "Finding retention period").
pub const FINDING_DAYS_MAX: u32 = 90;
/// Answers with ids of findings that one detector is asked for, 50 each: as many as are held.
pub const FINDING_PAGES_MAX: usize = FINDINGS_MAX / 50;
/// Findings named on one alert; more are counted.
pub const FINDINGS_PER_ALERT_MAX: usize = 10;
/// Compressed bytes of S3 objects downloaded and not yet read, for each thread that reads them. A thread
/// inflates some 50 MB of them a second, so this is the time of several round trips; more would be memory
/// that is touched and not needed.
pub const S3_BYTES_IN_FLIGHT_PER_THREAD: u32 = 8 << 20;
/// Compressed bytes in flight of one object: half of a thread's, so that the next one is on its way.
pub const S3_BYTES_PER_OBJECT_MAX: u32 = 4 << 20;
/// When all bytes in flight are taken, this part of them has to be free before downloads begin again:
/// less than the half that objects being read can leave, or the next one would never begin.
pub const S3_ROOM_PARTS: usize = 4;
/// S3 downloads at a time. Five-minute objects are small, so what counts is round trips beside each
/// other; a prefix serves 5,500 GETs a second.
pub const S3_DOWNLOADS_MAX: usize = 32;
/// S3 folders listed at a time.
pub const S3_LISTINGS_MAX: usize = 16;
/// Bytes of an SNS message with its attributes, and of all messages of a batch (`Publish`,
/// `PublishBatch`).
pub const SNS_MESSAGE_BYTES_MAX: usize = 262_144;
/// Messages of a batch (`PublishBatch`).
pub const SNS_BATCH_MESSAGES_MAX: usize = 10;
/// Characters of an SNS subject: "fewer than 100".
pub const SNS_SUBJECT_CHARS_MAX: usize = 99;
/// Alerts in one message of a digest: more than a person reads.
pub const DIGEST_ALERTS_MAX: usize = 50;
/// Alerts named that could not be published; more are counted.
pub const UNDELIVERED_NAMED_MAX: usize = 20;
/// States between days that `watch` keeps: so many days, and the one in hand, can be lived again
/// when something arrives late. SQS delivers within minutes, and within days from a dead-letter
/// queue.
pub const DAY_STATES_MAX: usize = 4;
/// The same while the queue holds more than was received: it gives messages in no order, so the oldest
/// of a long outage may come last. SQS keeps them for 14 days at most.
pub const DAY_STATES_BEHIND_MAX: usize = 14 + DAY_STATES_MAX;
/// How often days are lived again before an object that was counted, and alone cannot be read any more,
/// is given up. With the pauses in between that takes seven minutes.
pub const REPLAYS_WITHOUT_MAX: u32 = 12;
/// Refused objects and messages that `watch` keeps a list of; more are counted.
pub const QUARANTINED_NAMED_MAX: usize = 10_000;
/// Alerts that wait to be confirmed by SNS before `watch` takes no more objects.
pub const OUTBOX_ALERTS_MAX: usize = 10_000;
/// Largest body of a message, bytes (SQS: 1 MiB).
pub const EVENT_BYTES_MAX: usize = 1 << 20;
/// Records of one S3 event: in practice one.
pub const EVENT_RECORDS_MAX: usize = 1_000;
/// Messages taken from the queue before objects are read: what is read at once is sorted by time,
/// and a correction is done once for all of them.
pub const QUEUE_MESSAGES_AT_ONCE_MAX: usize = 1_000;
/// Messages in hand, received and not yet deleted. SQS gives 120,000 (standard queues).
pub const QUEUE_MESSAGES_IN_HAND_MAX: usize = 20_000;
/// How far beyond the present a time in an object's name is believed, seconds: clocks differ by
/// less, and hours must not close because of a name.
pub const NAMED_AHEAD_SECONDS_MAX: i64 = 3_600;
/// Connections to `/metrics` and `/healthz` at a time: a scraper or two, a probe and a person.
pub const TELEMETRY_CONNECTIONS_MAX: usize = 16;
/// Time for such a connection with its one request.
pub const TELEMETRY_CONNECTION_SECONDS_MAX: Duration = Duration::from_secs(10);
/// Bytes of such a request before its body, which is not read; hyper asks for 8 KiB at least.
pub const TELEMETRY_HEAD_BYTES_MAX: usize = 16 << 10;
/// Headers of such a request. Browsers send about 20.
pub const TELEMETRY_HEADERS_MAX: usize = 64;

/// Bytes of a part of an upload, and the size from which on there are parts. S3 takes 10,000 parts:
/// a file of 160 GB.
pub const S3_UPLOAD_PART_BYTES: usize = 16 << 20;
/// Files of a lake in S3 that come with the one that is read, because they are read next if all are.
pub const LAKE_AHEAD_FILES_MAX: usize = 16;
/// Bytes of them all: when one file alone was wanted, the others came for nothing.
pub const LAKE_AHEAD_BYTES_MAX: u64 = 16 << 20;
/// Uploads at a time; each holds one part.
pub const S3_UPLOADS_MAX: usize = 8;
/// What a scan has computed and its lake has not written yet, bytes of flows and of snapshots as text:
/// hours of a thousand interfaces, so that scoring goes on while a disk is waited for.
pub const LAKE_WAITING_BYTES_MAX: usize = 8 << 20;
/// Days whose files are complete and wait to be shown: a few, so that making files does not wait for a
/// disk, and a slow one holds up the rest.
pub const LAKE_SHOWING_MAX: usize = 4;
/// How much shorter than that of the lake's day the past of a scan may be that has more objects of the day,
/// seconds: a day that a scan ended in is completed by the one of the next day, whose window has moved with
/// it, or of the day after that.
pub const LAKE_GROWN_DAY_SLACK_SECONDS: i64 = 2 * 86_400;
/// Files of a lake brought to disk at a time.
pub const LAKE_SYNCS_MAX: usize = 16;
/// Largest object of a watcher's state, bytes: it is held whole.
pub const STORED_OBJECT_BYTES_MAX: i64 = 4 << 30;

const _: () = assert!(S3_BYTES_PER_OBJECT_MAX <= S3_BYTES_IN_FLIGHT_PER_THREAD);
/// Incidents listed by a report, the worst first; more are counted. 5,000 open in a second.
pub const REPORT_INCIDENTS_MAX: usize = 5_000;
/// Incidents of a report with a chart of their own, about 12 KB each.
pub const REPORT_CHARTS_MAX: usize = 200;
/// Interfaces in a report's heat map, about 2 KB each; the page draws 40 at a time.
pub const REPORT_HEAT_ENIS_MAX: usize = 400;
/// Interfaces whose silent-leak headroom a report lists, the largest first.
pub const REPORT_HEADROOM_ENIS_MAX: usize = 40;
/// Hours of a report's heat map, the last ones: two weeks.
pub const REPORT_HEAT_HOURS_MAX: usize = 336;
/// Days before an incident that its chart shows.
pub const REPORT_CHART_DAYS_BEFORE: u32 = 14;
/// Gaps named by a report; more are counted.
pub const REPORT_GAPS_MAX: usize = 50;
/// Characters of a single foreign text in a report; longer ones are cut with a mark.
pub const REPORT_TEXT_CHARS_MAX: usize = 2_048;
/// Destinations of one ENI that a retrospective scan ranks; 24 bytes for each hour of each.
pub const RETROSPECTIVE_DESTINATIONS_PER_ENI_MAX: usize = 8_192;
