SUMMARY = "Answers from a device's own manuals, with the page, on the device"
LICENSE = "Apache-2.0"
LIC_FILES_CHKSUM = "file://${COMMON_LICENSE_DIR}/Apache-2.0;md5=89aea4e17d99a7cacdbeed46a0096b10"

# A folder of wheels for the target, made once where there is a network; see packaging/README.md. onnxruntime and some
# others have no recipe in the common layers, and their wheels are what they publish.
RAGEDGE_WHEELS ?= "${THISDIR}/files/wheels"
# What `ragedge models pull` left in $RAGEDGE_HOME/models.
RAGEDGE_MODELS ?= "${THISDIR}/files/models"

SRC_URI = "file://ragedge.service"
S = "${WORKDIR}"

inherit python3native python3-dir systemd useradd

RDEPENDS:${PN} += "python3-core python3-modules"

SYSTEMD_SERVICE:${PN} = "ragedge.service"
USERADD_PACKAGES = "${PN}"
USERADD_PARAM:${PN} = "--system --home-dir /var/lib/ragedge --shell /sbin/nologin ragedge"

RAGEDGE_SITE = "/opt/ragedge/lib"

do_configure[noexec] = "1"
do_compile[noexec] = "1"

do_install() {
    install -d ${D}${RAGEDGE_SITE} ${D}${bindir} ${D}/opt/ragedge/models
    for wheel in ${RAGEDGE_WHEELS}/*.whl; do
        nativepython3 -m zipfile -e "$wheel" ${D}${RAGEDGE_SITE}
    done
    printf '#!/bin/sh\nPYTHONPATH=%s exec python3 -m ragedge "$@"\n' ${RAGEDGE_SITE} > ${D}${bindir}/ragedge
    chmod 0755 ${D}${bindir}/ragedge
    cp -R --no-preserve=ownership ${RAGEDGE_MODELS}/. ${D}/opt/ragedge/models/
    install -d ${D}${systemd_system_unitdir}
    install -m 0644 ${WORKDIR}/ragedge.service ${D}${systemd_system_unitdir}/
}

FILES:${PN} += "/opt/ragedge ${systemd_system_unitdir}"
# The wheels hold libraries that were linked and stripped where they were built.
INSANE_SKIP:${PN} += "already-stripped ldflags file-rdeps arch libdir"
INHIBIT_SYSROOT_STRIP = "1"
INHIBIT_PACKAGE_STRIP = "1"
