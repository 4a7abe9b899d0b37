//! Who may send: networks, and the proxies whose word about the sender is believed.
//!
//! Addresses are parsed and compared as networks, never as text. An IPv4 address mapped into IPv6
//! (`::ffff:10.0.0.1`) is the IPv4 address. Behind trusted proxies the sender is the rightmost hop of
//! `X-Forwarded-For` that is not a trusted proxy: everything left of it was written by the sender. From any
//! other peer the header means nothing. `Forwarded` (RFC 7239) and the PROXY protocol are not read.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Bits that an IPv4 network mapped into IPv6 has in front.
const MAPPED_BITS: u8 = 96;

/// An entry that is neither a network nor an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{entry:?} is neither a network such as 196.201.0.0/16 nor an address")]
pub(crate) struct BadEntry {
    /// The setting, `allow` or `trusted_proxies`.
    pub(crate) list: &'static str,
    entry: String,
}

/// Why a peer may not send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAllowed {
    /// The sender is not in the list.
    Address(IpAddr),
    /// A trusted proxy named a sender that is no address.
    Unreadable,
}

/// The networks that may send and the trusted proxies.
#[derive(Debug, Clone)]
pub(crate) struct Senders {
    allow: Vec<IpNet>,
    trusted_proxies: Vec<IpNet>,
}

impl Senders {
    pub(crate) fn parse(allow: &[String], trusted_proxies: &[String]) -> Result<Self, BadEntry> {
        Ok(Self {
            allow: networks("allow", allow)?,
            trusted_proxies: networks("trusted_proxies", trusted_proxies)?,
        })
    }

    /// The sender behind `peer`, if it may send. `forwarded` are the values of `X-Forwarded-For` in the order
    /// of the request; `None` for one that is no text.
    pub(crate) fn judge<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = Option<&'a str>>,
    ) -> Result<IpAddr, NotAllowed> {
        let sender = self.sender(unmapped(peer), forwarded).ok_or(NotAllowed::Unreadable)?;
        if contains(&self.allow, sender) { Ok(sender) } else { Err(NotAllowed::Address(sender)) }
    }

    fn sender<'a>(
        &self,
        peer: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = Option<&'a str>>,
    ) -> Option<IpAddr> {
        let mut sender = peer;
        for value in forwarded.rev() {
            for hop in value.unwrap_or("?").rsplit(',').map(str::trim).filter(|hop| !hop.is_empty()) {
                if !contains(&self.trusted_proxies, sender) {
                    return Some(sender);
                }
                sender = address(hop)?;
            }
        }
        Some(sender)
    }
}

/// A hop's address; proxies write some with a port or brackets.
fn address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let parsed = bare.parse::<IpAddr>().ok();
    parsed.or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip())).map(unmapped)
}

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

fn unmapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn networks(list: &'static str, entries: &[String]) -> Result<Vec<IpNet>, BadEntry> {
    let parse = |entry: &String| network(entry).ok_or_else(|| BadEntry { list, entry: entry.clone() });
    entries.iter().map(parse).collect()
}

fn network(entry: &str) -> Option<IpNet> {
    let entry = entry.trim();
    let parsed = entry.parse::<IpNet>().ok();
    let network = parsed.or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from))?;
    match network {
        IpNet::V6(v6) => Some(mapped(v6).map_or(network, IpNet::V4)),
        IpNet::V4(_) => Some(network),
    }
}

/// `::ffff:10.0.0.0/104` as `10.0.0.0/8`.
fn mapped(network: Ipv6Net) -> Option<Ipv4Net> {
    let address: Ipv6Addr = network.addr();
    let bits = network.prefix_len().checked_sub(MAPPED_BITS)?;
    Ipv4Net::new(address.to_ipv4_mapped()?, bits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senders(allow: &[&str], proxies: &[&str]) -> Senders {
        let own = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>();
        Senders::parse(&own(allow), &own(proxies)).unwrap()
    }

    fn judge(senders: &Senders, peer: &str, forwarded: &[&str]) -> Result<IpAddr, NotAllowed> {
        senders.judge(peer.parse().unwrap(), forwarded.iter().map(|value| Some(*value)))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn compares_networks_and_not_text() {
        let senders = senders(&["10.1.0.0/16", "192.0.2.7", "2001:db8::/32", "::ffff:172.16.0.0/108"], &[]);
        for peer in ["10.1.255.255", "192.0.2.7", "::ffff:10.1.0.1", "2001:db8:ffff::1", "172.31.0.1"] {
            assert!(judge(&senders, peer, &[]).is_ok(), "{peer}");
        }
        for peer in ["10.10.0.1", "192.0.2.70", "2001:db9::1", "::ffff:10.2.0.1", "172.32.0.1", "::10.1.0.1"]
        {
            assert_eq!(judge(&senders, peer, &[]), Err(NotAllowed::Address(ip(peer).to_canonical())));
        }
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let senders = senders(&["10.1.0.0/16"], &["192.0.2.1", "192.0.2.2"]);
        assert_eq!(judge(&senders, "192.0.2.1", &["10.1.0.9"]), Ok(ip("10.1.0.9")));
        // A stranger claims to be PPB, directly or through the proxy.
        assert_eq!(
            judge(&senders, "203.0.113.5", &["10.1.0.9"]),
            Err(NotAllowed::Address(ip("203.0.113.5")))
        );
        for spoofed in [&["10.1.0.9, 203.0.113.5"][..], &["10.1.0.9", "203.0.113.5"]] {
            let judged = judge(&senders, "192.0.2.1", spoofed);
            assert_eq!(judged, Err(NotAllowed::Address(ip("203.0.113.5"))), "{spoofed:?}");
        }
        // The other order: what PPB's own address says first is not believed either way.
        assert_eq!(judge(&senders, "192.0.2.1", &["203.0.113.5, 10.1.0.9"]), Ok(ip("10.1.0.9")));
    }

    #[test]
    fn walks_over_every_trusted_hop() {
        let senders = senders(&["10.1.0.0/16"], &["192.0.2.0/30"]);
        assert_eq!(judge(&senders, "192.0.2.1", &["10.1.0.9, 192.0.2.2", "192.0.2.3"]), Ok(ip("10.1.0.9")));
        assert_eq!(judge(&senders, "192.0.2.1", &["[2001:db8::1]:443, 10.1.0.9:4711"]), Ok(ip("10.1.0.9")));
        // Only proxies: the request came from the leftmost of them.
        assert_eq!(judge(&senders, "192.0.2.1", &["192.0.2.2"]), Err(NotAllowed::Address(ip("192.0.2.2"))));
        assert_eq!(judge(&senders, "192.0.2.1", &[]), Err(NotAllowed::Address(ip("192.0.2.1"))));
    }

    #[test]
    fn an_unreadable_hop_is_no_sender() {
        let senders = senders(&["0.0.0.0/0", "::/0"], &["192.0.2.1"]);
        for hop in ["unknown", "_hidden", "10.1.0.9, nonsense", "10.1.0", "1.2.3.4.5"] {
            assert_eq!(judge(&senders, "192.0.2.1", &[hop]), Err(NotAllowed::Unreadable), "{hop}");
        }
        assert_eq!(
            senders.judge(ip("192.0.2.1"), [Some("10.1.0.9"), None].into_iter()),
            Err(NotAllowed::Unreadable)
        );
        assert!(judge(&senders, "203.0.113.5", &["nonsense"]).is_ok(), "not asked");
    }

    #[test]
    fn a_bad_entry_is_refused() {
        for entry in ["", "10.0.0", "10.0.0.0/33", "localhost", "10.0.0.0/8,192.0.2.1", "*"] {
            assert!(Senders::parse(&[entry.to_owned()], &[]).is_err(), "{entry:?}");
        }
    }
}
