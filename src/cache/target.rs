//! Which Redis: one server, a Sentinel or a Cluster, told by the scheme of a URL.

use std::time::Duration;

use redis::aio::{MultiplexedConnection, PubSub};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisError,
    RedisResult, TlsCertificates, TlsMode, Value, from_redis_value,
};
use tokio::sync::Mutex;

/// A Redis that can be connected to.
pub(super) enum Target {
    Single(Box<Client>),
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster(Box<Cluster>),
}

/// A cluster, and its first nodes one by one.
pub(super) struct Cluster {
    client: ClusterClient,
    nodes: Vec<Client>,
}

/// A connection that many use at once.
#[derive(Clone)]
pub(super) enum Connection {
    Node(MultiplexedConnection),
    Cluster(Box<ClusterConnection>),
}

/// A URL taken apart as far as the client library does not do it.
#[derive(Debug, PartialEq, Eq)]
struct Address<'a> {
    form: &'a str,
    /// One URL for each node, of a scheme that the library knows.
    nodes: Vec<String>,
    /// Name of what a Sentinel watches.
    service: &'a str,
}

fn wrong(what: &'static str) -> RedisError {
    (ErrorKind::InvalidClientConfig, what).into()
}

/// Takes `redis[s]+sentinel://[user:password@]host:port,host:port/service[/db]` and
/// `redis[s]+cluster://[user:password@]host:port,host:port` apart.
fn take_apart(url: &str) -> RedisResult<Address<'_>> {
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| wrong("a Redis URL begins with `redis://` or the like"))?;
    let Some((plain, form)) = scheme.split_once('+').filter(|(_, form)| *form != "unix") else {
        return Ok(Address { form: "", nodes: vec![url.to_owned()], service: "" });
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, hosts) =
        authority.rsplit_once('@').map_or((String::new(), authority), |(user, hosts)| (format!("{user}@"), hosts));
    let (service, database) = match form {
        "sentinel" => path.split_once('/').unwrap_or((path, "")),
        "cluster" => ("", ""),
        _ => {
            return Err(wrong(
                "the scheme of a Redis URL is `redis`, `redis+sentinel` or `redis+cluster`, or `rediss` in place of `redis`",
            ));
        }
    };
    if form == "sentinel" && service.is_empty() {
        return Err(wrong(
            "the URL of a Sentinel ends with the name of the service, like `redis+sentinel://host:26379/mymaster`",
        ));
    }
    let nodes = hosts.split(',').map(|host| format!("{plain}://{user}{host}/{database}")).collect();
    Ok(Address { form, nodes, service })
}

impl Target {
    /// Reads a URL. `authority` is the certificate authority of TLS in PEM, in place of the system's.
    ///
    /// # Errors
    /// When the URL names no Redis. The error does not hold the URL, which can hold a password.
    pub(super) fn parse(url: &str, authority: Option<&[u8]>) -> RedisResult<Self> {
        let address = take_apart(url)?;
        let certificates = || TlsCertificates { client_tls: None, root_cert: authority.map(<[u8]>::to_vec) };
        let nodes: Vec<ConnectionInfo> =
            address.nodes.iter().map(|node| node.as_str().into_connection_info()).collect::<RedisResult<_>>()?;
        let first = nodes.first().ok_or_else(|| wrong("the Redis URL names no host"))?;
        let secure = matches!(first.addr(), ConnectionAddr::TcpTls { .. });
        let open = |info: &ConnectionInfo| {
            if secure && authority.is_some() {
                Client::build_with_tls(info.clone(), certificates())
            } else {
                Client::open(info.clone())
            }
        };
        match address.form {
            "sentinel" => {
                let own = first.redis_settings();
                let addresses: Vec<_> = nodes.iter().map(|node| node.addr().clone()).collect();
                let mut builder = SentinelClientBuilder::new(addresses, address.service, SentinelServerType::Master)?
                    .set_client_to_redis_db(own.db());
                if let Some(username) = own.username() {
                    builder = builder.set_client_to_redis_username(username);
                }
                if let Some(password) = own.password() {
                    builder = builder.set_client_to_redis_password(password);
                }
                if secure {
                    builder = builder
                        .set_client_to_redis_tls_mode(TlsMode::Secure)
                        .set_client_to_sentinel_tls_mode(TlsMode::Secure);
                    if authority.is_some() {
                        builder = builder
                            .set_client_to_redis_certificates(certificates())
                            .set_client_to_sentinel_certificates(certificates());
                    }
                }
                Ok(Self::Sentinel(Box::new(Mutex::new(builder.build()?))))
            }
            "cluster" => {
                let mut builder = ClusterClientBuilder::new(nodes.clone()).retries(1);
                if secure && authority.is_some() {
                    builder = builder.certs(certificates());
                }
                let nodes = nodes.iter().map(open).collect::<RedisResult<_>>()?;
                Ok(Self::Cluster(Box::new(Cluster { client: builder.build()?, nodes })))
            }
            _ => open(first).map(|client| Self::Single(Box::new(client))),
        }
    }

    /// Connects, within a time.
    pub(super) async fn connect(&self, within: Duration) -> RedisResult<Connection> {
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(within)).set_response_timeout(Some(within));
        match self {
            Self::Single(client) => {
                client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Node)
            }
            Self::Sentinel(client) => {
                client.lock().await.get_async_connection_with_config(&config).await.map(Connection::Node)
            }
            Self::Cluster(cluster) => {
                cluster.client.get_async_connection().await.map(|connection| Connection::Cluster(Box::new(connection)))
            }
        }
    }

    /// A connection that listens to messages between services.
    pub(super) async fn listen(&self) -> RedisResult<PubSub> {
        match self {
            Self::Single(client) => client.get_async_pubsub().await,
            Self::Sentinel(client) => {
                let client = client.lock().await.async_get_client().await?;
                client.get_async_pubsub().await
            }
            Self::Cluster(cluster) => {
                let mut last = wrong("the Redis URL names no host");
                for node in &cluster.nodes {
                    match node.get_async_pubsub().await {
                        Ok(listener) => return Ok(listener),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }
}

impl Connection {
    /// Sends a command.
    pub(super) async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Node(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(&mut **connection).await,
        }
    }

    /// Removes every key that a pattern matches, on every node.
    pub(super) async fn remove_all(&mut self, pattern: &str) -> RedisResult<()> {
        match self {
            Self::Node(_) => self.remove_on(pattern, None).await,
            Self::Cluster(connection) => {
                let slots = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut **connection).await?;
                for (host, port) in masters(slots)? {
                    let node = RoutingInfo::SingleNode(SingleNodeRoutingInfo::ByAddress { host, port });
                    self.remove_on(pattern, Some(node)).await?;
                }
                Ok(())
            }
        }
    }

    async fn remove_on(&mut self, pattern: &str, node: Option<RoutingInfo>) -> RedisResult<()> {
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1000);
            let page = self.send_to(scan, node.clone()).await?;
            let (next, keys): (u64, Vec<Vec<u8>>) = from_redis_value(page)?;
            // One by one: keys of a cluster node can be of several slots.
            for key in keys {
                let mut unlink = redis::cmd("UNLINK");
                unlink.arg(key);
                self.send_to(unlink, node.clone()).await?;
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    async fn send_to(&mut self, command: Cmd, node: Option<RoutingInfo>) -> RedisResult<Value> {
        match (self, node) {
            (Self::Cluster(connection), Some(node)) => connection.route_command(command, node).await,
            (connection, _) => connection.send(&command).await,
        }
    }
}

/// The masters in an answer to `CLUSTER SLOTS`: host and port, each once.
fn masters(slots: Value) -> RedisResult<Vec<(String, u16)>> {
    let mut found: Vec<(String, u16)> = Vec::new();
    for range in from_redis_value::<Vec<Vec<Value>>>(slots)? {
        let master = range.into_iter().nth(2).ok_or_else(|| wrong("the cluster does not tell its masters"))?;
        let node = from_redis_value::<Vec<Value>>(master)?;
        let mut node = node.into_iter();
        let (Some(host), Some(port)) = (node.next(), node.next()) else {
            return Err(wrong("the cluster does not tell its masters"));
        };
        let node = (from_redis_value(host)?, from_redis_value(port)?);
        if !found.contains(&node) {
            found.push(node);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_every_form_are_taken_apart() {
        let cases = [
            ("redis://localhost:6379/2", "", vec!["redis://localhost:6379/2"], ""),
            (
                "rediss+sentinel://skole:ord@a:26379,b:26379/hoved/3",
                "sentinel",
                vec!["rediss://skole:ord@a:26379/3", "rediss://skole:ord@b:26379/3"],
                "hoved",
            ),
            ("redis+cluster://a:7000,b:7001", "cluster", vec!["redis://a:7000/", "redis://b:7001/"], ""),
        ];
        for (url, form, nodes, service) in cases {
            let nodes = nodes.into_iter().map(str::to_owned).collect();
            assert_eq!(take_apart(url).ok(), Some(Address { form, nodes, service }), "{url}");
            assert!(Target::parse(url, None).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_url_that_names_no_redis_is_refused_without_its_password() {
        for url in [
            "",
            "localhost",
            "http://hemmelig@localhost",
            "redis+sentinel://:hemmelig@a:1",
            "redis+ring://:hemmelig@a:1",
        ] {
            let error = Target::parse(url, None).err().unwrap_or_else(|| panic!("{url} is accepted"));
            assert!(!error.to_string().contains("hemmelig"), "{error}");
        }
    }
}
