/** Debian packages that the lab runs. */
export const LAB_PACKAGES = ['iproute2', 'iputils-ping', 'isc-dhcp-client', 'nftables', 'procps', 'util-linux'] as const
