//! A column of a batch and what it fills. Where the column is a dictionary, each of its values is
//! understood once, and a row is an index.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array};
use arrow::datatypes::Int32Type;

use super::SkipReason;
use super::addresses::Addresses;
use super::columns::Values;
use super::fields::{Field, Kind, Target};
use super::text::Fault;
use crate::net::Addr;

/// A column with its field.
pub(super) struct Column {
    pub(super) field: &'static Field,
    /// Of each row, or of the dictionary.
    values: Values,
    /// Which value of the dictionary each row has.
    keys: Option<Int32Array>,
    /// Addresses of the dictionary; none for what is absent or no address.
    addresses: Option<Arc<[Option<Addr>]>>,
}

impl Column {
    /// The `place`-th column of a batch, as values of that field; with a dictionary it holds keys.
    pub(super) fn of(
        array: &ArrayRef,
        dictionary: Option<&ArrayRef>,
        place: usize,
        field: &'static Field,
        addresses: &mut Addresses,
    ) -> Self {
        let values = Values::of(dictionary.unwrap_or(array));
        let values = if field.target == Target::Account { values.with_account_digits() } else { values };
        let addresses = dictionary.filter(|_| field.kind == Kind::Address).map(|dictionary| {
            let read = |at, addresses: &mut Addresses| values.known_address(at, field.name, addresses);
            let read = |at, addresses: &mut Addresses| read(at, addresses).ok().flatten();
            addresses.of_dictionary(place, dictionary, read)
        });
        let keys = dictionary.map(|_| array.as_primitive::<Int32Type>().clone());
        Self { field, values, keys, addresses }
    }

    /// The texts of a dictionary that is no longer than the batch, for one of texts.
    pub(super) fn texts(&self) -> Option<(&[i32], Vec<&[u8]>)> {
        let keys = self.keys.as_ref().filter(|_| self.field.kind == Kind::Text)?;
        let count = self.values.len().filter(|&count| count <= keys.len())?;
        Some((keys.values(), (0..count).map(|at| self.values.text(at)).collect()))
    }

    /// Keys of the rows, and the only one that stands for NULL, for numbers of which the last of the
    /// dictionary is NULL and no other.
    #[inline]
    pub(super) fn keys_but_one(&self) -> Option<(&[i32], i32)> {
        let (keys, nulls) = (self.keys.as_ref()?, self.values.integers()?.nulls()?);
        let last = nulls.len().checked_sub(1)?;
        let is_last = nulls.null_count() == 1 && nulls.is_null(last);
        Some((keys.values(), i32::try_from(last).ok().filter(|_| is_last)?))
    }

    /// Whether all rows have the same value of a dictionary.
    pub(super) fn is_one_value(&self) -> bool {
        self.keys.as_ref().is_some_and(|keys| keys.values().iter().all(|key| *key == keys.value(0)))
    }

    /// The place of a row's value in the dictionary, where there is one.
    #[inline]
    pub(super) fn key(&self, row: usize) -> Option<usize> {
        Some(self.keys.as_ref()?.values()[row] as usize)
    }

    /// Which of the values a row has.
    #[inline]
    pub(super) fn at(&self, row: usize) -> usize {
        self.key(row).unwrap_or(row)
    }

    /// The values as numbers, if they are.
    #[inline]
    pub(super) fn integers(&self) -> Option<&Int64Array> {
        self.values.integers()
    }

    /// The text of a row; empty when absent.
    #[inline]
    pub(super) fn text(&self, row: usize) -> &[u8] {
        self.values.text(self.at(row))
    }

    /// What stands for the text of a row: rows with the same have the same text.
    #[inline]
    pub(super) fn view(&self, row: usize) -> Option<u128> {
        self.values.view(self.at(row))
    }

    /// The number of a row in a narrower type.
    #[inline]
    pub(super) fn narrow<T: TryFrom<i64>>(&self, row: usize) -> Result<Option<T>, Fault<'_>> {
        self.values.narrow(self.at(row), self.field.name)
    }

    /// Keys of the rows, and the addresses they stand for; none for what is absent or no address.
    #[inline]
    pub(super) fn known_addresses(&self) -> Option<(&[i32], &[Option<Addr>])> {
        Some((self.keys.as_ref()?.values(), self.addresses.as_ref()?))
    }

    /// The address of a row, if it is one.
    #[inline(never)]
    pub(super) fn address(&self, row: usize, addresses: &mut Addresses) -> Result<Option<Addr>, Fault<'_>> {
        self.values.known_address(self.at(row), self.field.name, addresses)
    }

    /// The word of a row, by its meaning.
    #[inline]
    pub(super) fn word<T>(
        &self,
        row: usize,
        meaning: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Fault<'_>> {
        self.values.word(self.at(row), self.field.name, meaning)
    }

    /// What is wrong with the number of a row that does not fit.
    #[cold]
    pub(super) fn bad_number(&self, row: usize) -> Fault<'_> {
        self.values.fault(self.at(row), SkipReason::BadNumber, self.field.name)
    }
}
