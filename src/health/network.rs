//! Services and Ingresses.

use super::{Health, read::Reader};

/// Services: a load balancer needs an address (as helm 3 and Argo CD wait for it; kstatus asks only for the cluster's own).
pub(super) fn service(read: &Reader<'_>) -> Health {
    if read.text("/spec/type") != Some("LoadBalancer") {
        return Health::healthy("it is there");
    }
    if read.list("/spec/externalIPs").next().is_some() {
        return Health::healthy("it has external addresses of its own");
    }
    match address(read) {
        Some(address) => Health::healthy(format!("its load balancer answers at {address}")),
        None if read.list("/status/loadBalancer/ingress").next().is_some() => Health::healthy("its load balancer is there"),
        None => Health::progressing("NoAddress", "its load balancer has no address yet"),
    }
}

/// Ingresses are not waited for: many controllers never write an address (helm and kstatus do not wait either).
pub(super) fn ingress(read: &Reader<'_>) -> Health {
    match address(read) {
        Some(address) => Health::healthy(format!("it answers at {address}")),
        None => Health::healthy("it is there (no controller has given it an address)"),
    }
}

fn address<'a>(read: &Reader<'a>) -> Option<&'a str> {
    read.list("/status/loadBalancer/ingress").find_map(|entry| entry["ip"].as_str().or(entry["hostname"].as_str()))
}
