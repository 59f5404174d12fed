//! The piece of homeserver.yaml that sends a Synapse's federation through the gateway, and nothing past it.

use std::fmt::Write as _;
use std::path::Path;

use crate::config::{Config, Homeserver, HsAddress, Listen, Secret, Way};

/// The user of the CONNECT proxy.
pub const PROXY_USER: &str = "sluice";

/// The fragment for one homeserver, YAML with comments. For way `connect` it holds the proxy's password.
pub fn fragment(config: &Config, homeserver: &Homeserver, secret: &Secret) -> String {
    let mut text = format!(
        "# Federation of {} through the gateway of zone {}.\n",
        homeserver.name, config.zone
    );
    text.push_str(&listener(homeserver));
    text.push_str(&way_out(config, secret));
    text.push_str(CLOSED);
    text
}

fn listener(homeserver: &Homeserver) -> String {
    let resources = "    resources: [{names: [federation], compress: false}]\n";
    match &homeserver.address {
        HsAddress::Unix(path) => format!(
            "\n# The way in. Add this to your listeners, and take `federation` out of the names of all others.\n\
             # Synapse makes the socket readable for everybody: `mode` keeps it to its own user. Where the gateway\n\
             # runs as another user, write 0660 and give both a group.\n\
             listeners:\n  - path: {}\n    type: http\n    mode: 0600\n    x_forwarded: true\n{resources}",
            quoted(path)
        ),
        HsAddress::Http(address) => format!(
            "\n# The way in. Add this to your listeners, and take `federation` out of the names of all others.\n\
             # Only the gateway may reach this port; a unix socket would say so by itself.\n\
             listeners:\n  - port: {}\n    bind_addresses: [\"{}\"]\n    type: http\n    tls: false\n    \
             x_forwarded: true\n{resources}",
            address.port(),
            address.ip()
        ),
    }
}

fn way_out(config: &Config, secret: &Secret) -> String {
    match &config.inside.way {
        Way::Hook => hook(config),
        Way::Connect { certificate, .. } => connect(config, certificate, secret),
    }
}

fn hook(config: &Config) -> String {
    let place = match &config.inside.listen {
        Listen::Unix(path) => format!("path: {}", quoted(path)),
        Listen::Tcp(address) => format!("host: \"{}\", port: {}", address.ip(), address.port()),
    };
    format!(
        "\n# The way out: every federation request goes to the gateway. Add `gateway` to your instance_map if you have one.\n\
         instance_map: {{gateway: {{{place}}}}}\n\
         outbound_federation_restricted_to: [gateway]\n\
         # Synapse's user must be able to read this file; else copy it, mode 0600, and write that path.\n\
         worker_replication_secret_path: {}\n",
        quoted(&config.inside.secret)
    )
}

fn connect(config: &Config, certificate: &Path, secret: &Secret) -> String {
    format!(
        "\n# The way out: every federation connection goes through the gateway's proxy. Clear https_proxy and no_proxy\n\
         # in Synapse's environment.\n\
         https_proxy: \"http://{PROXY_USER}:{}@{}\"\n\
         # In place of the system's roots. Synapse's user must be able to read this file; else copy it.\n\
         federation_custom_ca_list: [{}]\n",
        secret.expose(),
        config.inside.listen,
        quoted(certificate)
    )
}

/// A path as a YAML string; JSON strings are YAML strings.
fn quoted(path: &Path) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _infallible = write!(
        text,
        "{}",
        serde_json::Value::String(path.display().to_string())
    );
    text
}

const CLOSED: &str = "
# Nothing past the gateway: keys come from the servers themselves, no previews. Which public rooms a peer is shown, the
# gateway judges; none where its policy does not open the list.
trusted_key_servers: []
allow_public_rooms_over_federation: true
allow_device_name_lookup_over_federation: false
serve_server_wellknown: false
url_preview_enabled: false

# The room's label travels with an invite, so that the gateway can judge it.
room_prejoin_state:
  additional_event_types: [org.sluice.room_confidentiality]
";
