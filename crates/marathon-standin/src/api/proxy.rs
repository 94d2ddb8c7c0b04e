//! A stand-by passes calls on to the leader.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderValue, StatusCode, Version as HttpVersion};
use axum::response::Response;

use super::Instance;
use super::answer::page;

const VIA: &str = "x-marathon-via";
/// The largest body that is passed on, in bytes.
const LARGEST: usize = 64 << 20;

pub(super) async fn pass_on(instance: &Instance, leader: usize, request: Request) -> Response {
    let own = format!("1.1 {}", instance.authority());
    let vias = request.headers().get_all(VIA).iter();
    if vias.filter_map(|via| via.to_str().ok()).any(|via| via.contains(own.as_str())) {
        return page(StatusCode::BAD_GATEWAY, "Detected proxying loop.");
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST).await else {
        return page(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let url = format!("http://{}{target}", instance.authorities[leader]);
    let mut headers = parts.headers;
    for hop in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(hop);
    }
    let via = HeaderValue::from_str(&own);
    if let Ok(via) = &via {
        headers.append(VIA, via.clone());
    }
    let call = instance.world.client.request(parts.method, url).headers(headers).body(body);
    let Ok(answer) = call.send().await else {
        return page(StatusCode::BAD_GATEWAY, "Connection to leader refused.");
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    response.headers_mut().remove(TRANSFER_ENCODING);
    if let Ok(via) = via {
        response.headers_mut().append(VIA, via);
    }
    if super::stream::is_stream(response.headers()) {
        *response.version_mut() = HttpVersion::HTTP_10;
    }
    *response.body_mut() = Body::from_stream(answer.bytes_stream());
    response
}
