//! The address that is served: taken early, so that a bad one is told before anything is written,
//! and opened late, so that nobody waits in its queue while the log is replayed.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::StartError;

/// Connections that the system holds until a worker takes them.
const BACKLOG: i32 = 2_048;

#[derive(Debug)]
pub struct Reserved {
    socket: Socket,
    /// With the port that was chosen, where any would do.
    pub address: SocketAddr,
}

pub fn reserve(address: SocketAddr) -> Result<Reserved, StartError> {
    bound(address).map_err(|reason| StartError::Address { address, reason })
}

fn bound(address: SocketAddr) -> io::Result<Reserved> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the server before this one may still be closing.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    let address = socket.local_addr()?.as_socket().unwrap_or(address);
    Ok(Reserved { socket, address })
}

impl Reserved {
    pub fn listen(self) -> Result<TcpListener, StartError> {
        let address = self.address;
        let listening = self.socket.listen(BACKLOG);
        listening.map_err(|reason| StartError::Address { address, reason })?;
        Ok(self.socket.into())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_reserved_address_refuses_until_it_listens() {
        let reserved = reserve(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = reserved.address;
        assert_ne!(address.port(), 0);
        assert!(TcpStream::connect(address).is_err());
        let listener = reserved.listen().unwrap();
        TcpStream::connect(address).unwrap();
        let taken = reserve(address).unwrap_err().to_string();
        assert!(taken.starts_with(&format!("cannot listen on {address}: ")), "{taken}");
        drop(listener);
        reserve(address).unwrap();
    }
}
