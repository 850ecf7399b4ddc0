//! Blocks of IP addresses, of version 4 and 6.
//!
//! Addresses are written as the standard library reads them: no zeros in front, no zone.

use std::net::IpAddr;

/// A block of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cidr {
    address: IpAddr,
    /// How many of the address's first bits count.
    length: u32,
}

/// Why text is no block: the problem and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InvalidCidr(pub(super) String, pub(super) String);

impl Cidr {
    /// A block from `10.0.0.0/24` or `2001:db8::/32`.
    pub(super) fn try_parse(text: &str) -> Result<Self, InvalidCidr> {
        let malformed = || {
            let remedy = "write an address, a slash and the number of bits, as in `10.0.0.0/24`";
            InvalidCidr("is not a block of addresses".to_owned(), remedy.to_owned())
        };
        let (address, length) = text.split_once('/').ok_or_else(malformed)?;
        let address: IpAddr = address.parse().map_err(|_| malformed())?;
        let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|_| is_number).ok_or_else(malformed)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        if length > width {
            let problem = format!("has {length} bits, and the address only {width}");
            return Err(InvalidCidr(problem, format!("write a number up to {width}")));
        }
        let first = first_of(address, length);
        if first != address {
            let problem = format!("has bits behind the first {length}");
            return Err(InvalidCidr(problem, format!("write `{first}/{length}`")));
        }
        Ok(Self { address, length })
    }

    /// Whether `text` is an address of the block.
    pub(super) fn contains(&self, text: &str) -> bool {
        text.parse().is_ok_and(|address: IpAddr| {
            address.is_ipv4() == self.address.is_ipv4() && first_of(address, self.length) == self.address
        })
    }
}

/// The first address of the block of `length` bits that has `address`.
fn first_of(address: IpAddr, length: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cidr;

    #[test]
    fn blocks() {
        for (block, address, contains) in [
            ("10.0.0.0/24", "10.0.0.0", true),
            ("10.0.0.0/24", "10.0.0.255", true),
            ("10.0.0.0/24", "10.0.1.0", false),
            ("10.0.0.0/24", "9.255.255.255", false),
            ("10.0.0.0/24", "10.0.0.256", false),
            ("10.0.0.0/24", "10.0.0", false),
            ("10.0.0.0/24", "", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("10.0.0.7/32", "10.0.0.7", true),
            ("10.0.0.7/32", "10.0.0.6", false),
            ("2001:db8::/32", "2001:0DB8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false),
            ("::/0", "2001:db9::", true),
            ("::/0", "10.0.0.1", false),
            ("::1/128", "0:0:0:0:0:0:0:1", true),
        ] {
            assert_eq!(Cidr::try_parse(block).unwrap().contains(address), contains, "{block} {address}");
        }
    }

    #[test]
    fn what_is_no_block() {
        for text in ["", "/", "10.0.0.0", "10.0.0/24", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/x", "a/8"] {
            assert_eq!(Cidr::try_parse(text).unwrap_err().0, "is not a block of addresses", "{text}");
        }
        assert_eq!(Cidr::try_parse("10.0.0.5/24").unwrap_err().1, "write `10.0.0.0/24`");
        assert_eq!(Cidr::try_parse("10.0.0.0/33").unwrap_err().1, "write a number up to 32");
        assert_eq!(Cidr::try_parse("::/129").unwrap_err().1, "write a number up to 128");
    }
}
