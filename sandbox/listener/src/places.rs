//! How many connections there are, and from where.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::peer::{is_loopback, network};

/// The places for connections.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    per_address: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place that is taken, until this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    counted: Option<IpAddr>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(connections: usize, per_address: usize) -> Arc<Places> {
        let free = Arc::new(Semaphore::new(connections.min(Semaphore::MAX_PERMITS)));
        Arc::new(Places { free, per_address, taken: Mutex::default() })
    }

    /// Waits for a place; says whether it had to.
    pub(crate) async fn free(&self) -> (bool, Option<OwnedSemaphorePermit>) {
        match self.free.clone().try_acquire_owned() {
            Ok(permit) => (false, Some(permit)),
            // It is never closed.
            Err(_) => (true, self.free.clone().acquire_owned().await.ok()),
        }
    }

    /// Takes a free place for a connection from `address`, unless that has its share.
    pub(crate) fn take(self: &Arc<Places>, permit: OwnedSemaphorePermit, address: IpAddr) -> Option<Place> {
        let counted = (!is_loopback(address)).then(|| network(address));
        if let Some(network) = counted {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let here = taken.entry(network).or_default();
            if *here >= self.per_address {
                return None;
            }
            *here += 1;
        }
        Some(Place { places: self.clone(), counted, _permit: permit })
    }

    /// How many of `all` places are taken.
    pub(crate) fn taken(&self, all: usize) -> usize {
        all.saturating_sub(self.free.available_permits())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(network) = self.counted else { return };
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&network) {
            Some(here) if *here > 1 => *here -= 1,
            _ => drop(taken.remove(&network)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_gets_it_back() {
        let places = Places::new(100, 2);
        let take = |address: &str| {
            let permit = places.free.clone().try_acquire_owned().unwrap();
            places.take(permit, address.parse().unwrap())
        };
        let held = [take("192.0.2.1").unwrap(), take("::ffff:192.0.2.1").unwrap()];
        assert!(take("192.0.2.1").is_none(), "an IPv4 address is the same in IPv6's clothes");
        let network = [take("2001:db8::1").unwrap(), take("2001:db8::ffff:2").unwrap()];
        assert!(take("2001:db8::3").is_none());
        let others = [take("192.0.2.2"), take("2001:db8:0:1::1"), take("127.0.0.1"), take("::1"), take("127.0.0.1")];
        assert!(others.iter().all(Option::is_some));
        assert_eq!(places.taken(100), 9);
        drop(held);
        assert!(take("192.0.2.1").is_some());
        drop((network, others));
        assert!(places.taken.lock().unwrap().is_empty(), "it would grow with each address");
    }
}
