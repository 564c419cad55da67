/** What the lab runs, as Debian packages. */
export const LAB_PACKAGES = ['iproute2', 'iputils-ping', 'isc-dhcp-client', 'nftables', 'procps', 'util-linux'] as const
