//! Passing descriptors from one process to another (unix(7), `SCM_RIGHTS`), and the messages around
//! them.
//!
//! Descriptors travel with a byte, and are lost to whoever reads that byte in another way. So what comes
//! before them is read to the byte, without a buffer that could read ahead.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// The longest message, in bytes.
const LONGEST: u32 = 64 << 10;

/// Descriptors that travel with one byte; the system takes up to 253.
const TOGETHER: usize = 64;

/// Sends a message: its length in four bytes, big-endian, and JSON.
pub(super) async fn say(stream: &mut UnixStream, message: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    let length = u32::try_from(text.len()).map_err(io::Error::other)?;
    stream.write_u32(length).await?;
    stream.write_all(&text).await
}

/// Receives a message, and not one byte more.
pub(super) async fn hear<T: DeserializeOwned>(stream: &mut UnixStream) -> io::Result<T> {
    let length = stream.read_u32().await?;
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    let mut text = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    stream.read_exact(&mut text).await?;
    Ok(serde_json::from_slice(&text)?)
}

/// Sends sockets.
pub(super) async fn send(stream: &UnixStream, sockets: &[TcpListener]) -> io::Result<()> {
    for together in sockets.chunks(TOGETHER) {
        let descriptors: Vec<BorrowedFd<'_>> = together.iter().map(AsFd::as_fd).collect();
        stream.async_io(Interest::WRITABLE, || send_together(stream, &descriptors)).await?;
    }
    Ok(())
}

fn send_together(stream: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(TOGETHER))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    sendmsg(stream, &[IoSlice::new(b"s")], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Receives so many sockets.
pub(super) async fn receive(stream: &UnixStream, sockets: usize) -> io::Result<Vec<TcpListener>> {
    let mut received = Vec::with_capacity(sockets);
    while received.len() < sockets {
        let descriptors = stream.async_io(Interest::READABLE, || receive_together(stream)).await?;
        received.extend(descriptors.into_iter().map(TcpListener::from));
    }
    Ok(received)
}

fn receive_together(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(TOGETHER))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let message = recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, flags)?;
    if message.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if descriptors.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message came without sockets"));
    }
    Ok(descriptors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sockets_pass_with_the_connections_that_wait_for_them() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        let sockets: Vec<_> = (0..150).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses: Vec<_> = sockets.iter().map(|socket| socket.local_addr().unwrap()).collect();
        let waiting = std::net::TcpStream::connect(addresses[149]).unwrap();
        let (sent, received) = tokio::join!(
            async {
                say(&mut here, &"these").await?;
                send(&here, &sockets).await?;
                say(&mut here, &"and that was all").await
            },
            async {
                assert_eq!(hear::<String>(&mut there).await?, "these");
                let received = receive(&there, 150).await?;
                assert_eq!(hear::<String>(&mut there).await?, "and that was all");
                io::Result::Ok(received)
            }
        );
        sent.unwrap();
        drop(sockets);
        let received = received.unwrap();
        let of_received = received.iter().map(|socket| socket.local_addr().unwrap());
        assert_eq!(of_received.collect::<Vec<_>>(), addresses);
        let (_, peer) = received[149].accept().unwrap();
        assert_eq!(peer, waiting.local_addr().unwrap());
    }

    #[tokio::test]
    async fn a_peer_that_goes_away_is_an_error() {
        let (mut here, mut there) = UnixStream::pair().unwrap();
        say(&mut here, &1).await.unwrap();
        here.write_all(&[0, 0]).await.unwrap();
        drop(here);
        assert_eq!(hear::<u8>(&mut there).await.unwrap(), 1);
        assert!(hear::<u8>(&mut there).await.is_err());
        assert!(receive(&there, 1).await.is_err());
    }
}
