use super::super::rows::RowError;
use super::super::table::{Column, Kind};
use super::*;
use crate::net::{Addr, Prefix};
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, ListBuilder, RecordBatch, StringArray,
    StringBuilder, TimestampMillisecondArray,
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;

static TABLE: Table = Table {
    name: "all",
    partitions: &[],
    columns: &[
        Column::nullable("text", Kind::Text, "", "texts that repeat"),
        Column::nullable("long", Kind::Text, "", "texts that do not").varied(),
        Column::new("truth", Kind::Bool, "", "truths"),
        Column::new("small", Kind::Int32, "", "small numbers"),
        Column::new("narrow", Kind::Int32, "", "small numbers that do not repeat").varied(),
        Column::nullable("number", Kind::Int64, "", "numbers"),
        Column::nullable("plain", Kind::Int64, "", "numbers that do not repeat").varied(),
        Column::nullable("double", Kind::Double, "", "doubles"),
        Column::nullable("time", Kind::TimestampMs, "", "times"),
        Column::new("texts", Kind::TextList, "", "lists"),
    ],
    doc: "One column of each kind.",
};

/// The values of row `n`: NULLs here and there, runs, and lists of none to three texts.
fn text(n: i64) -> &'static str {
    if n % 7 == 0 { "" } else { ["x", "yy"][(n / 100 % 2) as usize] }
}

fn long(n: i64, tail: &str) -> String {
    if n % 5 == 0 { String::new() } else { format!("{n}{tail}") }
}

fn or_null(n: i64, every: i64) -> Option<i64> {
    (n % every != 0).then_some(n - 5)
}

fn items(n: i64) -> impl Iterator<Item = i64> {
    (0..n % 4).map(move |item| item * n % 10)
}

/// A file of rows, in pages that end where they are full and, if asked for, after each `cut` rows.
fn file(count: i64, tail: &str, cut: i64) -> Bytes {
    let mut encoder = Encoder::new(&TABLE, Vec::new()).unwrap();
    for n in 0..count {
        let row = encoder
            .rows(1)
            .text_or_null("text", text(n))
            .text_or_null("long", &long(n, tail))
            .bool("truth", n % 3 == 0)
            .int32("small", (n / 10) as i32 - 3)
            .int32("narrow", -n as i32)
            .int64("number", or_null(n, 4).map(|n| n % 100))
            .int64("plain", or_null(n, 6))
            .double("double", or_null(n, 9).map(|n| n as f64 / 3.0))
            .timestamp_ms("time", or_null(n, 1000).map(|n| n / 50))
            .list("texts", items(n));
        row.end().unwrap();
        encoder.end_full_page().unwrap();
        if (n + 1) % cut == 0 {
            encoder.end_page().unwrap();
        }
    }
    encoder.finish().unwrap().into()
}

/// The same as Arrow holds them.
fn columns(count: i64, tail: &str) -> Vec<ArrayRef> {
    let all = || 0..count;
    let present = |text: String| (!text.is_empty()).then_some(text);
    let mut lists = ListBuilder::new(StringBuilder::new()).with_field(super::super::table::list_element());
    all().for_each(|n| lists.append_value(items(n).map(|item| Some(item.to_string()))));
    let times = all().map(|n| or_null(n, 1000).map(|n| n / 50));
    vec![
        Arc::new(all().map(|n| present(text(n).to_owned())).collect::<StringArray>()),
        Arc::new(all().map(|n| present(long(n, tail))).collect::<StringArray>()),
        Arc::new(all().map(|n| Some(n % 3 == 0)).collect::<BooleanArray>()),
        Arc::new(all().map(|n| (n / 10) as i32 - 3).collect::<Int32Array>()),
        Arc::new(all().map(|n| -n as i32).collect::<Int32Array>()),
        Arc::new(all().map(|n| or_null(n, 4).map(|n| n % 100)).collect::<Int64Array>()),
        Arc::new(all().map(|n| or_null(n, 6)).collect::<Int64Array>()),
        Arc::new(all().map(|n| or_null(n, 9).map(|n| n as f64 / 3.0)).collect::<Float64Array>()),
        Arc::new(times.collect::<TimestampMillisecondArray>().with_timezone("UTC")),
        Arc::new(lists.finish()),
    ]
}

/// All rows as one batch, when there are any.
fn read(file: &Bytes) -> Option<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    assert_eq!(reader.schema(), &TABLE.schema(), "units and meanings are in the file");
    let mut batches = reader.with_batch_size(100_000).build().unwrap();
    let first = batches.next().map(Result::unwrap);
    assert!(batches.next().is_none());
    first
}

#[test]
fn every_kind_reads_back_over_pages_and_row_groups() {
    let file = file(70_000, "", i64::MAX);
    assert_eq!(read(&file).unwrap().columns(), columns(70_000, ""));
    let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
    let groups = builder.metadata().row_groups();
    assert_eq!(groups.iter().map(RowGroupMetaData::num_rows).collect::<Vec<_>>(), [65_536, 4_464]);
    let plain = groups[0].column(6).statistics().unwrap();
    assert_eq!(plain.null_count_opt(), Some(10_923));
    assert!(matches!(plain, Statistics::Int64(range)
        if (range.min_opt(), range.max_opt()) == (Some(&-4), Some(&65_530))));
    let text = groups[0].column(0).statistics().unwrap();
    assert_eq!((text.min_bytes_opt(), text.max_bytes_opt()), (Some(b"x".as_slice()), Some(b"yy".as_slice())));
}

#[test]
fn files_of_few_rows_or_none_read_back() {
    assert_eq!(read(&file(0, "", i64::MAX)), None);
    for count in [1, 2, 9, 100] {
        for cut in [1, 3, i64::MAX] {
            assert_eq!(read(&file(count, "", cut)).unwrap().columns(), columns(count, ""), "{count} {cut}");
        }
    }
}

#[test]
fn long_texts_are_cut_into_pages() {
    let tail = "x".repeat(200_000);
    let file = file(100, &tail, i64::MAX);
    assert_eq!(read(&file).unwrap().columns(), columns(100, &tail));
}

#[test]
fn rows_that_are_written_together_are_as_if_one_by_one() {
    static TABLE: Table = Table {
        name: "some",
        partitions: &[],
        columns: &[
            Column::new("id", Kind::Text, "", "one for all"),
            Column::nullable("none", Kind::Text, "", "none"),
            Column::nullable("word", Kind::Text, "", "one for each, or none"),
            Column::new("peer", Kind::Text, "", "as it prints"),
            Column::new("peers", Kind::Text, "", "as it prints, hardly repeated").varied(),
            Column::new("number", Kind::Int64, "", "one for each"),
            Column::new("plain", Kind::Int64, "", "one for each, hardly repeated").varied(),
        ],
        doc: "Rows with much in common.",
    };
    let words = ["a", "", "b", "b", "a"];
    let fill = |row: Row<'_>, from: usize, to: usize| {
        let numbers = || (from..to).map(|n| n as u64 / 2);
        let row =
            row.text("id", "eni-1").text_or_null("none", "").texts_or_null("word", words[from..to].to_vec());
        let peers = || (from..to).map(|n| Prefix::host(Addr::from_v4(0xcb00_7100 + n as u32 % 2)));
        row.prefixes("peer", peers())
            .prefixes("peers", peers())
            .counts("number", numbers())
            .counts("plain", numbers())
            .end()
            .unwrap();
    };
    let file = |cuts: &[usize]| {
        let mut encoder = Encoder::new(&TABLE, Vec::new()).unwrap();
        cuts.windows(2).for_each(|ends| fill(encoder.rows(ends[1] - ends[0]), ends[0], ends[1]));
        encoder.finish().unwrap()
    };
    let one_by_one = file(&[0, 1, 2, 3, 4, 5]);
    assert_eq!(file(&[0, 5]), one_by_one);
    assert_eq!(file(&[0, 2, 2, 5]), one_by_one);
}

static SMALL: Table = Table {
    name: "test",
    partitions: &[],
    columns: &[
        Column::new("a", Kind::Text, "", "first"),
        Column::new("b", Kind::Int64, "bytes", "second"),
        Column::nullable("c", Kind::Text, "", "third"),
    ],
    doc: "A test.",
};

#[test]
fn a_missing_extra_moved_or_retyped_column_is_refused() {
    let refused = |fill: &dyn Fn(Row<'_>) -> Result<(), RowError>| {
        let mut encoder = Encoder::new(&SMALL, Vec::new()).unwrap();
        let error = fill(encoder.rows(1)).unwrap_err();
        assert_eq!(encoder.room(), PAGE_ROWS, "it does not count");
        (error.index, error.expected, error.given)
    };
    let missing = refused(&|row| row.text("a", "").int64("b", 1).end());
    assert_eq!(missing.1, "`c` (text)");
    let extra = refused(&|row| row.text("a", "").int64("b", 1).text("c", "").text("d", "").end());
    assert_eq!(extra.1, "no further column");
    let moved = refused(&|row| row.int64("b", 1).text("a", "").text("c", "").end());
    assert_eq!(moved, (0, "`a` (text)".to_owned(), "`b` (this name)".to_owned()));
    let retyped = refused(&|row| row.text("a", "").text("b", "1").text("c", "").end());
    assert_eq!(retyped, (1, "`b` (int64)".to_owned(), "`b` (text)".to_owned()));
}

#[test]
fn counts_stay_at_the_greatest_that_a_column_holds() {
    let mut encoder = Encoder::new(&SMALL, Vec::new()).unwrap();
    encoder.rows(1).text("a", "x").count("b", u64::MAX).text_or_null("c", "").end().unwrap();
    let file = Bytes::from(encoder.finish().unwrap());
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let b = batches.next().unwrap().unwrap().column(1).clone();
    assert_eq!(*b, Int64Array::from(vec![i64::MAX]));
}

#[test]
fn a_column_that_was_not_given_every_row_is_an_error() {
    let refused = |fill: &dyn Fn(Row<'_>) -> Row<'_>| {
        let mut encoder = Encoder::new(&SMALL, Vec::new()).unwrap();
        fill(encoder.rows(2)).text_or_null("c", "").end().unwrap();
        encoder.end_page().unwrap_err().to_string()
    };
    let null = refused(&|row| row.text("a", "x").int64("b", None));
    assert!(null.contains("`b` was given 0 of 2 rows"), "{null}");
    let few = refused(&|row| row.texts("a", ["x"]).int64("b", 1));
    assert!(few.contains("`a` was given 1 of 2 rows"), "{few}");
    let many = refused(&|row| row.text("a", "x").int64s("b", [1, 2, 3]));
    assert!(many.contains("`b` was given 2 of 2 rows, and 3 of 2 values"), "{many}");
}
