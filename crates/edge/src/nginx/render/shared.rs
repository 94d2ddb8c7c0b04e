//! The file of what all services share: the log's form, what requests are told apart by, the place at
//! which nginx tells which configuration it serves, and the answer to hosts that nobody knows.

use super::Frame;
use super::text::BANNER;
use crate::table::TRY_PARAMETER;

/// The text of the shared file.
pub(super) fn shared(frame: &Frame, stamp: &str) -> String {
    let Frame { internal, passed, .. } = frame;
    let (passed, port) = (passed.display(), internal.port());
    let listen: String = frame.http.iter().map(|at| format!("    listen {at};\n")).collect();
    format!(
        r#"{BANNER}
log_format launcher escape=json '{{"service":"$launcher_service","version":"$launcher_version",'
    '"live":"$launcher_live","status":"$status",'
    '"upstream":"$upstream_addr","head":"$upstream_header_time","took":"$request_time",'
    '"sent":"$body_bytes_sent","received":"$content_length","length":"$request_length"}}';

# Requests that may be silent for long: upgraded connections and streams of events.
map "$http_upgrade|$http_accept" $launcher_endless {{
    default "";
    "~^[^|]" 1;
    "~*text/event-stream" 1;
}}
map $http_upgrade $launcher_connection {{
    default upgrade;
    "" "";
}}

# What containers are told of a client. Between workers it goes on as it is.
map $server_port $launcher_forwarded_for {{
    default $proxy_add_x_forwarded_for;
    {port} $http_x_forwarded_for;
}}
map $server_port $launcher_forwarded_proto {{
    default $scheme;
    {port} $http_x_forwarded_proto;
}}
map $remote_addr $launcher_node {{
    default "for=unknown";
    "~^[0-9.]+$" "for=$remote_addr";
    "~^[0-9A-Fa-f:.]+$" "for=\"[$remote_addr]\"";
}}
map $http_host $launcher_host {{
    default "";
    "~^[0-9A-Za-z._-]+$" ";host=$http_host";
    "~^[][0-9A-Za-z.:_-]+$" ";host=\"$http_host\"";
}}
map $http_forwarded $launcher_forwarded_here {{
    default "$http_forwarded, $launcher_node$launcher_host;proto=$scheme";
    "" "$launcher_node$launcher_host;proto=$scheme";
}}
map $server_port $launcher_forwarded {{
    default $launcher_forwarded_here;
    {port} $http_forwarded;
}}

# Nothing but this brings a $ into a text in which nginx replaces variables.
geo $launcher_dollar {{
    default "$";
}}

# Links that have a browser try a version, and the address without what makes them such.
map $args $launcher_link_named {{
    default "";
    "" "";
    "~(?<=^|&){TRY_PARAMETER}=(?<launcher_link_pass>[^&]*)" "=$launcher_link_pass";
}}
map $request_method $launcher_link {{
    default "";
    GET $launcher_link_named;
    HEAD $launcher_link_named;
}}
map $request_uri $launcher_link_path {{
    default "/";
    "~^(?<launcher_link_sent>/[/\\\\][^?#]*)" "/.$launcher_link_sent";
    "~^(?<launcher_link_sent>/[^?#]*)" $launcher_link_sent;
}}
map $args $launcher_link_query {{
    default "";
    "~^{TRY_PARAMETER}=[^&]*&(?<launcher_link_after>.+)$" "?$launcher_link_after";
    "~^(?<launcher_link_before>.*?)&{TRY_PARAMETER}=[^&]*(?<launcher_link_after>.*)$" "?$launcher_link_before$launcher_link_after";
}}

# There is such a file once this configuration has been succeeded by another. A request that comes to
# an old worker then, over a connection that had been open without one, goes on to a new worker.
map $server_port $launcher_passed {{
    default {passed}/{stamp};
    {port} {passed}/never;
}}

server {{
    listen {internal};
    server_name launcher.invalid;
    access_log off;
    set $launcher_service "";
    set $launcher_version "";
    set $launcher_live "";
    default_type text/plain;
    location = /stamp {{
        return 200 "{stamp}\n";
    }}
    location / {{
        return 503 "503 Service Unavailable\nThis path is answered by a service that this edge does not know.\n";
    }}
}}

# Hosts that nobody knows, unless the rest of the configuration has a place for them.
server {{
{listen}    server_name launcher.invalid;
    access_log off;
    default_type text/plain;
    location / {{
        return 404 "404 Not Found\nNo service is known by this hostname.\n";
    }}
}}
"#
    )
}
