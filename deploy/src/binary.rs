//! Checks that Lambda can start a binary. One that it can't start is deployed without an error, and events pile up.

use std::fmt;

use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::ElfFile;

use crate::settings::Architecture;

/// The glibc of `provided.al2023` (Amazon Linux 2023 User Guide, "glibc").
const LAMBDAS_GLIBC: Glibc = Glibc { major: 2, minor: 34 };

/// The prefix of the versions of glibc's public symbols.
const GLIBC: &str = "GLIBC_";

/// A version of glibc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc {
    major: u32,
    minor: u32,
}

/// Why Lambda can't start a binary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// Not a 64-bit Linux program.
    #[error("is no 64-bit Linux program ({reason}); build it for Linux")]
    NotElf {
        /// The parser's error.
        reason: String,
    },
    /// Built for other processors.
    #[error("is built for {found}, but the functions run on {wanted}; build it for the target `{}`", wanted.target())]
    Machine {
        /// The architecture, or the machine's number in the ELF header.
        found: String,
        /// The architecture of the functions.
        wanted: Architecture,
    },
    /// Built with a newer C library than Lambda has.
    #[error(
        "needs glibc {needed}, but Lambda has {LAMBDAS_GLIBC}; build it on an older distribution, or with \
         `cargo zigbuild --release --target {}.{LAMBDAS_GLIBC}`", wanted.target()
    )]
    Glibc {
        /// The newest version of glibc that one of its symbols needs.
        needed: Glibc,
        /// The architecture of the functions.
        wanted: Architecture,
    },
}

/// Refuses a binary that Lambda can't start on `architecture`.
pub(crate) fn check(binary: &[u8], architecture: Architecture) -> Result<(), BinaryError> {
    let header = read(binary).map_err(|error| BinaryError::NotElf { reason: error.to_string() })?;
    if header.machine != machine(architecture) {
        let found = match header.machine {
            elf::EM_X86_64 => Architecture::X86_64.to_string(),
            elf::EM_AARCH64 => Architecture::Arm64.to_string(),
            other => format!("the machine {}", other.0),
        };
        return Err(BinaryError::Machine { found, wanted: architecture });
    }
    match header.glibc {
        Some(needed) if needed > LAMBDAS_GLIBC => Err(BinaryError::Glibc { needed, wanted: architecture }),
        _ => Ok(()),
    }
}

struct Header {
    machine: elf::Machine,
    /// The newest version that it needs; none if it is not linked to glibc.
    glibc: Option<Glibc>,
}

fn read(binary: &[u8]) -> object::Result<Header> {
    let file: ElfFile<'_, FileHeader64<Endianness>> = ElfFile::parse(binary)?;
    let endian = file.endian();
    let mut glibc = None;
    let sections = file.elf_section_table();
    if let Some((libraries, link)) = sections.gnu_verneed(endian, binary)? {
        let strings = sections.strings(endian, binary, link)?;
        for library in libraries {
            let (_, versions) = library?;
            for version in versions {
                glibc = glibc.max(Glibc::of_symbols(version?.name(endian, strings)?));
            }
        }
    }
    Ok(Header { machine: file.elf_header().e_machine.get(endian), glibc })
}

fn machine(architecture: Architecture) -> elf::Machine {
    match architecture {
        Architecture::X86_64 => elf::EM_X86_64,
        Architecture::Arm64 => elf::EM_AARCH64,
    }
}

impl Glibc {
    /// The release of a symbol's version, such as `GLIBC_2.2.5`. No release since 2003 has a third number.
    fn of_symbols(version: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(version).ok()?.strip_prefix(GLIBC)?;
        let mut numbers = text.split('.').map(str::parse);
        // `GLIBC_PRIVATE`, `GLIBC_ABI_…` have none.
        let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return None };
        Some(Self { major, minor })
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const X86_64: u16 = 62;
    const AARCH64: u16 = 183;

    /// A program without code, of two sections: the strings, and the versions that it needs of its only library.
    fn elf(machine: u16, versions: &str) -> Vec<u8> {
        let mut strings = b"\0libc.so.6\0".to_vec();
        let names: Vec<&str> = versions.split_whitespace().collect();
        let mut needed = numbers(&[(2, 1), (2, names.len() as u64), (4, 1), (4, 16), (4, 0)]);
        for (index, name) in names.iter().enumerate() {
            let next = if index + 1 < names.len() { 16 } else { 0 };
            needed.extend(numbers(&[(4, 0), (2, 0), (2, 0), (4, strings.len() as u64), (4, next)]));
            strings.extend([name.as_bytes(), b"\0"].concat());
        }
        let section = |kind: u64, start: usize, content: &[u8]| {
            let place = [(8, start as u64), (8, content.len() as u64), (4, 1), (4, 1), (8, 1), (8, 0)];
            [numbers(&[(4, 0), (4, kind), (8, 0), (8, 0)]), numbers(&place)].concat()
        };
        let (header, strings_end) = (64, 64 + strings.len());
        let sections = strings_end + needed.len();
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        let what = [(2, 3), (2, u64::from(machine)), (4, 1), (8, 0), (8, 0), (8, sections as u64), (4, 0)];
        file.extend(numbers(&what));
        let sizes = [(2, 64), (2, 56), (2, 0), (2, 64), (2, if names.is_empty() { 2 } else { 3 }), (2, 1)];
        file.extend(numbers(&sizes));
        file.extend([strings.as_slice(), &needed].concat());
        file.extend([0; 64]);
        file.extend(section(3, header, &strings));
        file.extend(section(0x6fff_fffe, strings_end, &needed));
        file
    }

    /// Little-endian fields, each of so many bytes and with this value.
    fn numbers(fields: &[(usize, u64)]) -> Vec<u8> {
        fields.iter().flat_map(|(length, value)| value.to_le_bytes()[..*length].to_vec()).collect()
    }

    fn check(binary: &[u8], architecture: Architecture, expected: Expect) {
        let found = super::check(binary, architecture);
        expected.assert_eq(&found.map_or_else(|error| error.to_string(), |()| "starts".to_owned()));
    }

    #[test]
    fn a_binary_is_for_the_functions_processor() {
        check(&elf(X86_64, "GLIBC_2.34"), Architecture::X86_64, expect!["starts"]);
        check(&elf(AARCH64, "GLIBC_2.34"), Architecture::Arm64, expect!["starts"]);
        check(
            &elf(X86_64, "GLIBC_2.34"),
            Architecture::Arm64,
            expect![
                "is built for x86_64, but the functions run on arm64; build it for the target `aarch64-unknown-linux-gnu`"
            ],
        );
        check(
            &elf(AARCH64, "GLIBC_2.34"),
            Architecture::X86_64,
            expect![
                "is built for arm64, but the functions run on x86_64; build it for the target `x86_64-unknown-linux-gnu`"
            ],
        );
        check(
            &elf(243, ""),
            Architecture::X86_64,
            expect![
                "is built for the machine 243, but the functions run on x86_64; build it for the target `x86_64-unknown-linux-gnu`"
            ],
        );
    }

    #[test]
    fn a_binary_that_needs_a_newer_c_library_is_refused() {
        let x86_64 = |versions: &str| elf(X86_64, versions);
        check(
            &x86_64("GLIBC_2.2.5 GCC_3.0 GLIBC_2.9 GLIBC_PRIVATE"),
            Architecture::X86_64,
            expect!["starts"],
        );
        check(
            &x86_64("GLIBC_2.2.5 GLIBC_2.39 GLIBC_2.4"),
            Architecture::X86_64,
            expect![
                "needs glibc 2.39, but Lambda has 2.34; build it on an older distribution, or with `cargo zigbuild --release --target x86_64-unknown-linux-gnu.2.34`"
            ],
        );
        check(
            &elf(AARCH64, "GLIBC_3.0"),
            Architecture::Arm64,
            expect![
                "needs glibc 3.0, but Lambda has 2.34; build it on an older distribution, or with `cargo zigbuild --release --target aarch64-unknown-linux-gnu.2.34`"
            ],
        );
        // It is linked to no library at all.
        check(&x86_64(""), Architecture::X86_64, expect!["starts"]);
    }

    #[test]
    fn a_file_that_is_not_a_program_is_refused() {
        check(
            b"#!/bin/sh",
            Architecture::X86_64,
            expect!["is no 64-bit Linux program (Invalid ELF header size or alignment); build it for Linux"],
        );
        check(
            b"",
            Architecture::X86_64,
            expect!["is no 64-bit Linux program (Invalid ELF header size or alignment); build it for Linux"],
        );
        let program = elf(X86_64, "GLIBC_2.39");
        for length in 0..program.len() {
            assert!(super::check(&program[..length], Architecture::X86_64).is_err(), "{length} bytes");
        }
    }
}
