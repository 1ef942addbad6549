//! A large array of the kernel's in this process's memory, as far as it is used.

use std::cell::OnceCell;

use anyhow::{Context as _, Result};
use aya::maps::MapData;

use super::mapping::{Mapping, Shared};

/// Bytes of a window: few to map for a small table, and few windows for a large one. A multiple of
/// any page's size.
const WINDOW: usize = 64 << 10;

/// The entries of an array, in windows that are mapped when an entry in them is first asked for.
pub(super) struct Windows<T: Shared> {
    /// The map itself, which is held: programs that are loaded later name it.
    array: MapData,
    entries: usize,
    mapped: Vec<OnceCell<Mapping<T>>>,
}

impl<T: Shared> Windows<T> {
    /// Entries of a window.
    const LENGTH: usize = WINDOW / size_of::<T>();

    /// Those of an array made with `BPF_F_MMAPABLE` of `entries` entries of `T`'s size.
    pub(super) fn of(array: MapData, entries: usize) -> Self {
        const { assert!(WINDOW.is_multiple_of(size_of::<T>())) };
        let windows = entries.div_ceil(Self::LENGTH);
        Self {
            array,
            entries,
            mapped: (0..windows).map(|_| OnceCell::new()).collect(),
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries
    }

    /// An entry; its window stays mapped.
    ///
    /// # Errors
    /// When there is none, or the kernel does not map it.
    pub(super) fn entry(&self, at: usize) -> Result<&T> {
        let number = at / Self::LENGTH;
        let window = self.window(number)?;
        let window = match window.get() {
            Some(window) => window,
            None => {
                let fresh = self.map(number)?;
                window.get_or_init(|| fresh)
            }
        };
        entry(window, at % Self::LENGTH)
    }

    /// Shows the entries at these places, which rise. What was not mapped before is not afterwards.
    ///
    /// # Errors
    /// Those of `see`, and when there is no such entry, or the kernel does not map it.
    pub(super) fn visit(
        &self,
        places: impl IntoIterator<Item = usize>,
        mut see: impl FnMut(usize, &T) -> Result<()>,
    ) -> Result<()> {
        let mut places = places.into_iter().peekable();
        while let Some(number) = places.peek().map(|at| at / Self::LENGTH) {
            let fresh;
            let window = match self.window(number)?.get() {
                Some(window) => window,
                None => {
                    fresh = self.map(number)?;
                    &fresh
                }
            };
            while let Some(at) = places.next_if(|at| at / Self::LENGTH == number) {
                see(at, entry(window, at % Self::LENGTH)?)?;
            }
        }
        Ok(())
    }

    /// All entries, mapped besides.
    ///
    /// # Errors
    /// When the kernel does not map them.
    pub(super) fn whole(&self) -> Result<Mapping<T>> {
        Mapping::of(&self.array, self.entries)
    }

    fn window(&self, number: usize) -> Result<&OnceCell<Mapping<T>>> {
        self.mapped.get(number).context("the array is shorter")
    }

    fn map(&self, number: usize) -> Result<Mapping<T>> {
        let first = number * Self::LENGTH;
        Mapping::part(&self.array, first, Self::LENGTH.min(self.entries - first))
    }
}

fn entry<T: Shared>(window: &Mapping<T>, at: usize) -> Result<&T> {
    window.entries().get(at).context("the array is shorter")
}
