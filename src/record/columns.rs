//! Typed access to Arrow columns: each column is brought to integers or to text once per batch,
//! so that reading a value is an index and a compare, never a dynamic dispatch.
//!
//! Writers disagree about types: AWS has 32 or 64 bits for the same field, re-written files hold
//! doubles or text such as `None`. NULL, `-`, the empty text and `None` are all absent.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};

use super::SkipReason;
use super::addresses::Addresses;
use super::scan::integer;
use super::text::{self, Fault};
use super::words;
use crate::net::Addr;

/// One column of a batch.
pub(crate) enum Values {
    /// Not in the file, or of a type that holds no value of ours.
    None,
    /// Whole numbers; for times, seconds or milliseconds.
    Integers(Int64Array),
    /// Text. Views, so that a long text in a dictionary is not copied for each row.
    Texts(StringViewArray),
}

impl Values {
    /// Numbers of any width, doubles and timestamps become integers; text stays text.
    pub(crate) fn of(array: &ArrayRef) -> Self {
        // Values that do not fit become NULL instead of failing the file.
        let options = CastOptions { safe: true, ..CastOptions::default() };
        let to = |kind: &DataType| match array.data_type() {
            same if same == kind => Some(Arc::clone(array)),
            _ => cast_with_options(array, kind, &options).ok(),
        };
        let cast = match array.data_type() {
            // Old writers leave the text annotation out and give plain bytes.
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView => to(&DataType::Utf8View),
            DataType::Timestamp(unit, _) => return Self::seconds(array, *unit),
            number if number.is_numeric() => to(&DataType::Int64),
            _ => None,
        };
        match cast {
            Some(array) if *array.data_type() == DataType::Utf8View => {
                Self::Texts(array.as_string_view().clone())
            }
            Some(array) => Self::Integers(array.as_primitive::<Int64Type>().clone()),
            None => Self::None,
        }
    }

    /// Timestamps of any unit, always UTC in Parquet, as Unix seconds.
    fn seconds(array: &ArrayRef, unit: TimeUnit) -> Self {
        let per_second = match unit {
            TimeUnit::Second => 1,
            TimeUnit::Millisecond => 1_000,
            TimeUnit::Microsecond => 1_000_000,
            TimeUnit::Nanosecond => 1_000_000_000,
        };
        let Ok(ticks) = arrow::compute::cast(array, &DataType::Int64) else { return Self::None };
        let ticks = ticks.as_primitive::<Int64Type>();
        Self::Integers(ticks.unary(|tick| tick.div_euclid(per_second)))
    }

    /// Account numbers that were stored as integers get their leading zeros back.
    pub(crate) fn with_account_digits(self) -> Self {
        match self {
            Self::Integers(numbers) => {
                Self::Texts(numbers.iter().map(|n| n.map(|n| format!("{n:012}"))).collect())
            }
            other => other,
        }
    }

    /// The text of a row; empty when absent.
    #[inline]
    pub(crate) fn text(&self, row: usize) -> &[u8] {
        match self {
            Self::Texts(texts) if texts.is_valid(row) => match texts.value(row).as_bytes() {
                b"-" | b"None" => b"",
                text => text,
            },
            _ => b"",
        }
    }

    /// How many there are, if any.
    pub(super) fn len(&self) -> Option<usize> {
        match self {
            Self::None => None,
            Self::Integers(numbers) => Some(numbers.len()),
            Self::Texts(texts) => Some(texts.len()),
        }
    }

    /// What stands for the text of a row: rows with the same have the same text.
    #[inline]
    pub(crate) fn view(&self, row: usize) -> Option<u128> {
        match self {
            Self::Texts(texts) if texts.is_valid(row) => texts.views().get(row).copied(),
            _ => None,
        }
    }

    /// The column as numbers, if it is one of numbers.
    #[inline]
    pub(crate) fn integers(&self) -> Option<&Int64Array> {
        if let Self::Integers(numbers) = self { Some(numbers) } else { None }
    }

    /// The number of a row.
    #[inline]
    pub(crate) fn integer(&self, row: usize, field: &'static str) -> Result<Option<i64>, Fault<'_>> {
        match self {
            Self::Integers(numbers) => Ok(numbers.is_valid(row).then(|| numbers.value(row))),
            Self::Texts(_) => {
                let text = self.text(row);
                if text.is_empty() {
                    return Ok(None);
                }
                let negative = usize::from(text[0] == b'-');
                integer(text, negative)
                    // Tools that know only doubles write `443.0`.
                    .filter(|&(_, end)| matches!(&text[end..], b"" | b".0"))
                    .and_then(|(value, _)| i64::try_from(value).ok())
                    .map(|value| Some(if negative == 1 { -value } else { value }))
                    .ok_or_else(|| self.fault(row, SkipReason::BadNumber, field))
            }
            Self::None => Ok(None),
        }
    }

    /// The number of a row in a narrower type.
    #[inline]
    pub(crate) fn narrow<T: TryFrom<i64>>(
        &self,
        row: usize,
        field: &'static str,
    ) -> Result<Option<T>, Fault<'_>> {
        let Some(value) = self.integer(row, field)? else { return Ok(None) };
        match T::try_from(value) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(self.fault(row, SkipReason::BadNumber, field)),
        }
    }

    /// The Unix second of a row, also from milliseconds.
    #[inline]
    pub(crate) fn second(&self, row: usize, field: &'static str) -> Result<Option<i64>, Fault<'_>> {
        Ok(self.narrow::<u64>(row, field)?.and_then(words::seconds))
    }

    /// The address of a row.
    pub(crate) fn address(&self, row: usize, field: &'static str) -> Result<Option<Addr>, Fault<'_>> {
        let token = self.text(row);
        if token.is_empty() {
            return Ok(None);
        }
        text::address(token).map_err(|reason| self.fault(row, reason, field))
    }

    /// The same, by those met lately.
    #[inline]
    pub(super) fn known_address(
        &self,
        row: usize,
        field: &'static str,
        addresses: &mut Addresses,
    ) -> Result<Option<Addr>, Fault<'_>> {
        match addresses.of_text(self.text(row)) {
            Some(bits) => Ok(Some(Addr::from_v4(bits))),
            None => self.address(row, field),
        }
    }

    /// The word of a row, by its meaning.
    #[inline]
    pub(crate) fn word<T>(
        &self,
        row: usize,
        field: &'static str,
        meaning: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Fault<'_>> {
        let token = self.text(row);
        if token.is_empty() {
            return Ok(None);
        }
        meaning(token).map(Some).ok_or_else(|| self.fault(row, SkipReason::BadWord, field))
    }

    #[cold]
    pub(crate) fn fault(&self, row: usize, reason: SkipReason, field: &'static str) -> Fault<'_> {
        Fault { reason, field: Some(field), text: self.text(row) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, Int32Array, LargeStringArray, NullArray, StringArray, UInt64Array};

    fn values(array: impl Array + 'static) -> Values {
        let array: ArrayRef = Arc::new(array);
        Values::of(&array)
    }

    #[test]
    fn numbers_come_in_every_type() {
        let columns = [
            values(Int32Array::from(vec![Some(443), None])),
            values(Int64Array::from(vec![Some(443), None])),
            values(UInt64Array::from(vec![Some(443), None])),
            values(Float64Array::from(vec![Some(443.0), Some(f64::NAN)])),
            values(StringArray::from(vec!["443", "None"])),
            values(StringArray::from(vec!["443.0", "-"])),
            values(LargeStringArray::from(vec![Some("443"), None])),
        ];
        for (n, column) in columns.iter().enumerate() {
            assert_eq!(column.narrow::<u16>(0, "srcport"), Ok(Some(443)), "{n}");
            assert_eq!(column.narrow::<u16>(1, "srcport"), Ok(None), "{n}");
        }
        assert_eq!(values(NullArray::new(1)).integer(0, "srcport"), Ok(None));
    }

    #[test]
    fn what_does_not_fit_is_a_fault_of_its_column() {
        let column = values(StringArray::from(vec!["70000", "x", "-5"]));
        for row in 0..3 {
            let fault = column.narrow::<u16>(row, "srcport").unwrap_err();
            assert_eq!((fault.reason, fault.field), (SkipReason::BadNumber, Some("srcport")));
        }
        assert_eq!(column.integer(2, "traffic-path"), Ok(Some(-5)));
        let fault = column.address(1, "srcaddr").unwrap_err();
        assert_eq!((fault.reason, fault.text), (SkipReason::BadAddress, b"x".as_slice()));
    }

    #[test]
    fn account_numbers_keep_their_zeros() {
        let column = values(Int64Array::from(vec![Some(123), None])).with_account_digits();
        assert_eq!((column.text(0), column.text(1)), (b"000000000123".as_slice(), b"".as_slice()));
    }
}
