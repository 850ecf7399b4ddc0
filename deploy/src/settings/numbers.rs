//! The template's parameters that are numbers. A value that a stack would refuse can't be constructed.

/// How long converter and fan-out may each run, in seconds. The visibility time-out of the fan-out queue follows from
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionTimeout(u32);

/// How long the functions' logs are kept, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRetention(u32);

/// The most batches that are fanned out at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaximumConcurrency(u32);

/// The most stream records in one batch of the converter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamBatchSize(u32);

/// The memory of a function, in MB. Its share of a processor follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(u32);

/// A number that no stack can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNumber {
    /// A time-out that the template does not allow.
    #[error("a function timeout of {seconds} s is not possible; choose one of {} s", list(&FunctionTimeout::ALLOWED))]
    FunctionTimeout {
        /// The time-out that was set.
        seconds: u32,
    },
    /// A retention that CloudWatch Logs does not allow.
    #[error("logs can't be kept for {days} days; choose one of {} days", list(&LogRetention::ALLOWED))]
    LogRetention {
        /// The retention that was set.
        days: u32,
    },
    /// A concurrency that Lambda does not allow.
    #[error(
        "{number} batches at the same time are not possible; choose {} to {}",
        MaximumConcurrency::LOWEST,
        MaximumConcurrency::HIGHEST
    )]
    MaximumConcurrency {
        /// The concurrency that was set.
        number: u32,
    },
    /// A batch size that the template does not allow.
    #[error(
        "{number} records in a batch are not possible; choose {} to {}",
        StreamBatchSize::LOWEST,
        StreamBatchSize::HIGHEST
    )]
    StreamBatchSize {
        /// The batch size that was set.
        number: u32,
    },
    /// Memory that the functions are not made for, or that Lambda does not allow.
    #[error(
        "a function can't have {megabytes} MB of memory; choose {} to {}",
        Memory::LOWEST,
        Memory::HIGHEST
    )]
    Memory {
        /// The memory that was set, in MB.
        megabytes: u32,
    },
}

impl FunctionTimeout {
    /// The values that the template allows, in seconds. None is longer than the ledger's rules allow (`docs/ledger.md`,
    /// "Times"), so that a message that is delivered again falls into the five minutes in which SQS recognises
    /// duplicates.
    pub const ALLOWED: [u32; 6] = [2, 5, 10, 15, 20, 30];

    /// A time-out of so many seconds.
    ///
    /// # Errors
    ///
    /// [`InvalidNumber`]: it is not one of [`Self::ALLOWED`].
    pub fn try_new(seconds: u32) -> Result<Self, InvalidNumber> {
        let is_allowed = Self::ALLOWED.contains(&seconds);
        if is_allowed { Ok(Self(seconds)) } else { Err(InvalidNumber::FunctionTimeout { seconds }) }
    }

    /// The time-out in seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// The visibility time-out in seconds: six times the time-out (AWS Lambda Developer Guide, "Using Lambda with
    /// Amazon SQS").
    pub fn visibility_seconds(self) -> u32 {
        6 * self.0
    }
}

impl Default for FunctionTimeout {
    fn default() -> Self {
        Self(30)
    }
}

impl LogRetention {
    /// The values that CloudWatch Logs allows, in days (CloudWatch Logs API Reference, "PutRetentionPolicy").
    pub const ALLOWED: [u32; 22] = [
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
        3653,
    ];

    /// A retention of so many days.
    ///
    /// # Errors
    ///
    /// [`InvalidNumber`]: it is not one of [`Self::ALLOWED`].
    pub fn try_new(days: u32) -> Result<Self, InvalidNumber> {
        let is_allowed = Self::ALLOWED.contains(&days);
        if is_allowed { Ok(Self(days)) } else { Err(InvalidNumber::LogRetention { days }) }
    }

    /// The retention in days.
    pub fn days(self) -> u32 {
        self.0
    }
}

impl MaximumConcurrency {
    /// The least that a mapping allows (AWS Lambda Developer Guide, "Configuring maximum concurrency").
    pub const LOWEST: u32 = 2;
    /// The most that a mapping allows.
    pub const HIGHEST: u32 = 1_000;

    /// A concurrency of so many batches.
    ///
    /// # Errors
    ///
    /// [`InvalidNumber`]: it is not between [`Self::LOWEST`] and [`Self::HIGHEST`].
    pub fn try_new(number: u32) -> Result<Self, InvalidNumber> {
        let is_allowed = (Self::LOWEST..=Self::HIGHEST).contains(&number);
        if is_allowed { Ok(Self(number)) } else { Err(InvalidNumber::MaximumConcurrency { number }) }
    }

    /// The number of batches.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl StreamBatchSize {
    /// The least that a mapping allows.
    pub const LOWEST: u32 = 1;
    /// The most that the template allows: the converter can send so many one after the other within its time limit.
    pub const HIGHEST: u32 = 1_000;

    /// A batch of so many records.
    ///
    /// # Errors
    ///
    /// [`InvalidNumber`]: it is not between [`Self::LOWEST`] and [`Self::HIGHEST`].
    pub fn try_new(number: u32) -> Result<Self, InvalidNumber> {
        let is_allowed = (Self::LOWEST..=Self::HIGHEST).contains(&number);
        if is_allowed { Ok(Self(number)) } else { Err(InvalidNumber::StreamBatchSize { number }) }
    }

    /// The number of records.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl Memory {
    /// The least that the functions are made for (`integration/tests/memory.rs`, `aws/src/lean.rs`).
    pub const LOWEST: u32 = 256;
    /// The most that Lambda allows.
    pub const HIGHEST: u32 = 10_240;

    /// So many MB.
    ///
    /// # Errors
    ///
    /// [`InvalidNumber`]: it is not between [`Self::LOWEST`] and [`Self::HIGHEST`].
    pub fn try_new(megabytes: u32) -> Result<Self, InvalidNumber> {
        let is_allowed = (Self::LOWEST..=Self::HIGHEST).contains(&megabytes);
        if is_allowed { Ok(Self(megabytes)) } else { Err(InvalidNumber::Memory { megabytes }) }
    }

    /// The memory in MB.
    pub fn megabytes(self) -> u32 {
        self.0
    }
}

fn list(numbers: &[u32]) -> String {
    let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check<T>(made: Result<T, InvalidNumber>, expected: Expect) {
        expected.assert_eq(&made.map_or_else(|error| error.to_string(), |_| "right".to_owned()));
    }

    #[test]
    fn numbers_are_those_that_a_stack_allows() {
        check(FunctionTimeout::try_new(FunctionTimeout::default().seconds()), expect!["right"]);
        check(
            FunctionTimeout::try_new(40),
            expect!["a function timeout of 40 s is not possible; choose one of 2, 5, 10, 15, 20, 30 s"],
        );
        check(LogRetention::try_new(30), expect!["right"]);
        check(
            LogRetention::try_new(31),
            expect![
                "logs can't be kept for 31 days; choose one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653 days"
            ],
        );
        check(MaximumConcurrency::try_new(2), expect!["right"]);
        check(MaximumConcurrency::try_new(1_000), expect!["right"]);
        check(
            MaximumConcurrency::try_new(1),
            expect!["1 batches at the same time are not possible; choose 2 to 1000"],
        );
        check(
            MaximumConcurrency::try_new(1_001),
            expect!["1001 batches at the same time are not possible; choose 2 to 1000"],
        );
        check(Memory::try_new(Memory::LOWEST), expect!["right"]);
        check(
            Memory::try_new(Memory::LOWEST - 1),
            expect!["a function can't have 255 MB of memory; choose 256 to 10240"],
        );
        check(
            Memory::try_new(Memory::HIGHEST + 1),
            expect!["a function can't have 10241 MB of memory; choose 256 to 10240"],
        );
        check(StreamBatchSize::try_new(1), expect!["right"]);
        check(
            StreamBatchSize::try_new(0),
            expect!["0 records in a batch are not possible; choose 1 to 1000"],
        );
        check(
            StreamBatchSize::try_new(StreamBatchSize::HIGHEST + 1),
            expect!["1001 records in a batch are not possible; choose 1 to 1000"],
        );
    }
}
