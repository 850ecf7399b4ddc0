//! Which IP addresses a function may connect to for somebody who only wrote a URL down. A name can resolve to anything: to
//! the function's own Runtime API, to a metadata service, to a host of a private network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses of version 4: its first address, and how many bits of it count.
type Block4 = ([u8; 4], u32);

/// A block of addresses of version 6: its first two segments, and how many bits of them count.
type Block6 = ([u16; 2], u32);

/// What is not for everybody (IANA, IPv4 Special-Purpose Address Registry and IPv4 Multicast Address Space).
const NOT_PUBLIC_4: [Block4; 15] = [
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // shared by a carrier's customers
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, with AWS's metadata service
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // IETF protocols
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // relays of 6to4
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, and broadcast
];

/// What a private network is made of.
const PRIVATE_4: [Block4; 4] =
    [([10, 0, 0, 0], 8), ([100, 64, 0, 0], 10), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16)];

/// The only block with public addresses of version 6 (IANA, IPv6 Address Space).
const GLOBAL_6: Block6 = ([0x2000, 0], 3);

/// What of it is not for everybody (IANA, IPv6 Special-Purpose Address Registry). Teredo and 6to4 are whole: their
/// addresses hold one of version 4, and no server of today has only these.
const NOT_PUBLIC_6: [Block6; 4] = [
    ([0x2001, 0], 23),     // IETF protocols, Teredo among them
    ([0x2001, 0xdb8], 32), // documentation
    ([0x2002, 0], 16),     // 6to4
    ([0x3fff, 0], 20),     // documentation
];

/// What a private network is made of: unique local addresses.
const PRIVATE_6: Block6 = ([0xfc00, 0], 7);

/// The part of it where AWS's own services are, the metadata service among them (EC2 user guide, "Instance metadata").
const OF_AWS_6: Block6 = ([0xfd00, 0xec2], 32);

/// Whether a function may connect to `address` whoever named it: it is a public one, for every host of the internet.
///
/// An address of version 6 that stands for one of version 4 (mapped, or by NAT64's well-known prefix) is what that one is.
pub fn is_public(address: IpAddr) -> bool {
    match canonical(address) {
        IpAddr::V4(address) => !NOT_PUBLIC_4.iter().any(|block| is_in_4(address, *block)),
        IpAddr::V6(address) => {
            is_in_6(address, GLOBAL_6) && !NOT_PUBLIC_6.iter().any(|block| is_in_6(address, *block))
        }
    }
}

/// Whether a function may connect to `address` for a host that an operator calls internal: it is a public one, or of a
/// private network. Never one of the function's own surroundings: loopback, link-local, a metadata service.
pub fn is_internal(address: IpAddr) -> bool {
    let is_private = match canonical(address) {
        IpAddr::V4(address) => PRIVATE_4.iter().any(|block| is_in_4(address, *block)),
        IpAddr::V6(address) => is_in_6(address, PRIVATE_6) && !is_in_6(address, OF_AWS_6),
    };
    is_private || is_public(address)
}

/// The address of version 4 that one of version 6 stands for: `::ffff:0:0/96` (RFC 4291, 2.5.5.2) and `64:ff9b::/96` (RFC
/// 6052, 2.1). `64:ff9b:1::/48` (RFC 8215) is a network's own, and says nothing of where the bits are: it stays.
fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(of_6) = address else {
        return address;
    };
    let [a, b, c, d, e, f, high, low] = of_6.segments();
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => address,
    }
}

fn is_in_4(address: Ipv4Addr, (first, length): Block4) -> bool {
    has_first_bits(u32::from(address), u32::from_be_bytes(first), length)
}

fn is_in_6(address: Ipv6Addr, ([a, b], length): Block6) -> bool {
    let [high, low, ..] = address.segments();
    let joined = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
    has_first_bits(joined(high, low), joined(a, b), length)
}

fn has_first_bits(bits: u32, first: u32, length: u32) -> bool {
    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0);
    bits & mask == first & mask
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(rows: &[(&str, bool, bool)]) {
        for (text, public, internal) in rows {
            let address = text.parse().unwrap();
            assert_eq!((is_public(address), is_internal(address)), (*public, *internal), "{text}");
        }
    }

    /// The first and the last address of each block, and the neighbours that are none of it.
    #[test]
    fn an_address_of_version_4_is_public_unless_a_registry_keeps_it() {
        check(&[
            ("0.0.0.0", false, false),
            ("0.255.255.255", false, false),
            ("1.0.0.0", true, true),
            ("9.255.255.255", true, true),
            ("10.0.0.0", false, true),
            ("10.255.255.255", false, true),
            ("11.0.0.0", true, true),
            ("100.63.255.255", true, true),
            ("100.64.0.0", false, true),
            ("100.127.255.255", false, true),
            ("100.128.0.0", true, true),
            ("126.255.255.255", true, true),
            ("127.0.0.0", false, false),
            ("127.0.0.1", false, false),
            ("127.255.255.255", false, false),
            ("128.0.0.0", true, true),
            ("169.253.255.255", true, true),
            ("169.254.0.0", false, false),
            ("169.254.169.254", false, false),
            ("169.254.255.255", false, false),
            ("169.255.0.0", true, true),
            ("172.15.255.255", true, true),
            ("172.16.0.0", false, true),
            ("172.31.255.255", false, true),
            ("172.32.0.0", true, true),
            ("191.255.255.255", true, true),
            ("192.0.0.0", false, false),
            ("192.0.0.255", false, false),
            ("192.0.1.0", true, true),
            ("192.0.2.0", false, false),
            ("192.0.2.255", false, false),
            ("192.0.3.0", true, true),
            ("192.88.98.255", true, true),
            ("192.88.99.1", false, false),
            ("192.88.100.0", true, true),
            ("192.167.255.255", true, true),
            ("192.168.0.0", false, true),
            ("192.168.255.255", false, true),
            ("192.169.0.0", true, true),
            ("198.17.255.255", true, true),
            ("198.18.0.0", false, false),
            ("198.19.255.255", false, false),
            ("198.20.0.0", true, true),
            ("198.51.99.255", true, true),
            ("198.51.100.0", false, false),
            ("198.51.100.255", false, false),
            ("198.51.101.0", true, true),
            ("203.0.112.255", true, true),
            ("203.0.113.0", false, false),
            ("203.0.113.255", false, false),
            ("203.0.114.0", true, true),
            ("223.255.255.255", true, true),
            ("224.0.0.0", false, false),
            ("239.255.255.255", false, false),
            ("240.0.0.0", false, false),
            ("255.255.255.255", false, false),
        ]);
    }

    #[test]
    fn an_address_of_version_6_is_public_if_it_is_global_unicast_and_no_tunnel() {
        check(&[
            ("::", false, false),
            ("::1", false, false),
            ("::2", false, false),
            ("100::1", false, false),
            ("1fff:ffff::", false, false),
            ("2000::", true, true),
            ("2000:ffff::1", true, true),
            ("2001::1", false, false),
            ("2001:1ff:ffff::", false, false),
            ("2001:200::", true, true),
            ("2001:db7:ffff::", true, true),
            ("2001:db8::1", false, false),
            ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", false, false),
            ("2001:db9::", true, true),
            ("2001:ffff::", true, true),
            ("2002::", false, false),
            ("2002:808:808::1", false, false),
            ("2003::", true, true),
            ("2600:1f18::1", true, true),
            ("3ffe:ffff::", true, true),
            ("3fff::", false, false),
            ("3fff:fff:ffff::", false, false),
            ("3fff:1000::", true, true),
            ("4000::", false, false),
            ("5f00::1", false, false),
            ("fbff:ffff::", false, false),
            ("fc00::", false, true),
            ("fd00:ec1:ffff::", false, true),
            ("fd00:ec2::23", false, false),
            ("fd00:ec2::254", false, false),
            ("fd00:ec3::", false, true),
            ("fdff:ffff::", false, true),
            ("fe00::", false, false),
            ("fe80::1", false, false),
            ("fec0::1", false, false),
            ("ff02::1", false, false),
        ]);
    }

    #[test]
    fn an_address_that_stands_for_another_is_what_that_one_is() {
        check(&[
            ("::ffff:8.8.8.8", true, true),
            ("::ffff:127.0.0.1", false, false),
            ("::ffff:169.254.169.254", false, false),
            ("::ffff:10.0.0.1", false, true),
            ("::ffff:0:8.8.8.8", false, false), // SIIT's, which no host has
            ("::8.8.8.8", false, false),        // compatible, which is given up
            ("64:ff9b::8.8.8.8", true, true),
            ("64:ff9b::127.0.0.1", false, false),
            ("64:ff9b::169.254.169.254", false, false),
            ("64:ff9b::10.0.0.1", false, true),
            ("64:ff9b::1:808:808", false, false), // behind the 96 bits
            ("64:ff9b:1::8.8.8.8", false, false),
            ("64:ff9b:1:ffff::10.0.0.1", false, false),
        ]);
    }

    proptest! {
        /// Whatever form an address that may not be asked hides in.
        #[test]
        fn no_form_of_a_refused_address_is_public(address: [u8; 4], others: [u16; 4]) {
            let of_4 = Ipv4Addr::from(address);
            let [high, low] = [[address[0], address[1]], [address[2], address[3]]].map(u16::from_be_bytes);
            let form = |segments: [u16; 8]| IpAddr::V6(Ipv6Addr::from(segments));
            let [a, b, c, d] = others;
            let exact = [
                form([0, 0, 0, 0, 0, 0xffff, high, low]),
                form([0x64, 0xff9b, 0, 0, 0, 0, high, low]),
            ];
            let refused = [
                form([0, 0, 0, 0, 0, 0, high, low]),
                form([0x64, 0xff9b, 1, a, b, c, high, low]),
                form([0x2002, high, low, a, b, c, d, 1]),
                form([0x2001, 0, a, b, c, d, !high, !low]),
                form([0x2001, 0, high, low, c, d, a, b]),
            ];
            for form in exact {
                prop_assert_eq!(is_public(form), is_public(of_4.into()), "{}", form);
                prop_assert_eq!(is_internal(form), is_internal(of_4.into()), "{}", form);
            }
            for form in refused {
                prop_assert!(!is_public(form) && !is_internal(form), "{}", form);
            }
        }

        /// The standard library's words for what it knows agree.
        #[test]
        fn what_the_standard_library_knows_as_local_is_refused(
            address in prop_oneof![
                any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
                any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
            ],
        ) {
            let is_refused = match address {
                IpAddr::V4(address) => address.is_private()
                    || address.is_loopback()
                    || address.is_link_local()
                    || address.is_broadcast()
                    || address.is_documentation()
                    || address.is_multicast()
                    || address.is_unspecified(),
                IpAddr::V6(address) => address.is_loopback()
                    || address.is_multicast()
                    || address.is_unspecified()
                    || address.is_unique_local()
                    || address.is_unicast_link_local(),
            };
            prop_assert!(!(is_refused && is_public(address)), "{}", address);
            prop_assert!(is_internal(address) || !is_public(address), "{}", address);
        }
    }
}
